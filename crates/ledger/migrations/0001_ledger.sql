-- The ledger: integers and text only, so that SQLite and PostgreSQL run the same statements.
-- Bytes are hex, days are ISO dates, moments are microseconds since 1970-01-01 UTC, areas are GB/T 2260 prefixes.

CREATE TABLE meta (name TEXT NOT NULL PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE counter (name TEXT NOT NULL PRIMARY KEY, next BIGINT NOT NULL);

-- People. id_index is a keyed hash; wrapped_key null means erased: sealed can then never be opened again.
CREATE TABLE person (
    person BIGINT NOT NULL PRIMARY KEY,
    id_index TEXT UNIQUE,
    id_problem TEXT,
    wrapped_key TEXT,
    sealed TEXT,
    erased_at BIGINT
);

CREATE TABLE household_case (
    case_id TEXT NOT NULL PRIMARY KEY,
    position BIGINT NOT NULL UNIQUE,
    scheme TEXT NOT NULL,
    area TEXT NOT NULL,
    residence TEXT,
    in_receipt BIGINT NOT NULL,
    enrolled_on TEXT,
    next_due TEXT,
    declared TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL
);
CREATE INDEX household_case_due ON household_case (next_due);

CREATE TABLE case_person (
    case_id TEXT NOT NULL,
    position BIGINT NOT NULL,
    person BIGINT NOT NULL,
    role TEXT NOT NULL,
    relation TEXT NOT NULL,
    declared TEXT NOT NULL,
    accounts TEXT,
    PRIMARY KEY (case_id, position)
);
CREATE INDEX case_person_person ON case_person (person);

-- Letters of authorisation.
CREATE TABLE letter (
    number TEXT NOT NULL PRIMARY KEY,
    purposes TEXT NOT NULL,
    scopes TEXT NOT NULL,
    valid_from TEXT NOT NULL,
    valid_until TEXT,
    revoked_on TEXT,
    added_at BIGINT NOT NULL
);
CREATE TABLE letter_person (number TEXT NOT NULL, person BIGINT NOT NULL, PRIMARY KEY (number, person));
CREATE TABLE case_letter (
    case_id TEXT NOT NULL,
    number TEXT NOT NULL,
    attached_at BIGINT NOT NULL,
    PRIMARY KEY (case_id, number)
);

-- Asks. state: 0 planned, 1 sent, 2 pending, 3 settled.
CREATE TABLE ask (
    ask BIGINT NOT NULL PRIMARY KEY,
    person BIGINT NOT NULL,
    source TEXT NOT NULL,
    period TEXT NOT NULL,
    state BIGINT NOT NULL,
    fence BIGINT NOT NULL,
    holder TEXT,
    lease_until BIGINT,
    attempts BIGINT NOT NULL,
    submission BIGINT,
    raw TEXT,
    outcome BIGINT,
    cause TEXT,
    answer BIGINT,
    planned_at BIGINT NOT NULL,
    asked_at BIGINT,
    settled_at BIGINT,
    UNIQUE (person, source, period)
);
CREATE INDEX ask_open ON ask (source, ask) WHERE state < 3;
CREATE INDEX ask_submission ON ask (submission) WHERE submission IS NOT NULL;

-- File exchange: one request file and the reply awaited. state: 0 open, 1 closed.
CREATE TABLE submission (
    submission BIGINT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    reference TEXT NOT NULL,
    state BIGINT NOT NULL,
    submitted_at BIGINT NOT NULL,
    due TEXT,
    fence BIGINT NOT NULL,
    holder TEXT,
    lease_until BIGINT,
    polls BIGINT NOT NULL,
    UNIQUE (source, reference)
);
CREATE INDEX submission_open ON submission (source) WHERE state = 0;

CREATE TABLE quarantine (
    quarantine BIGINT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    ask BIGINT,
    reason TEXT NOT NULL,
    place TEXT NOT NULL,
    raw TEXT NOT NULL,
    manifest TEXT NOT NULL,
    at BIGINT NOT NULL
);
CREATE INDEX quarantine_source ON quarantine (source);

CREATE TABLE attempt (
    attempt BIGINT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    at BIGINT NOT NULL,
    took_ms BIGINT NOT NULL,
    asks BIGINT NOT NULL,
    failure TEXT
);
CREATE INDEX attempt_source ON attempt (source, attempt);

-- What each run concluded for each case.
CREATE TABLE finding (
    case_id TEXT NOT NULL,
    run BIGINT NOT NULL,
    as_of TEXT NOT NULL,
    known_at BIGINT NOT NULL,
    pack TEXT NOT NULL,
    pack_version TEXT NOT NULL,
    pack_hash TEXT NOT NULL,
    category TEXT,
    amount BIGINT,
    findings TEXT NOT NULL,
    saved_at BIGINT NOT NULL,
    PRIMARY KEY (case_id, run)
);

-- Tasks for people. person -1 means the household. state: 0 open, 1 claimed, 2 resolved.
CREATE TABLE review (
    review BIGINT NOT NULL PRIMARY KEY,
    case_id TEXT NOT NULL,
    person BIGINT NOT NULL,
    flag TEXT NOT NULL,
    severity TEXT NOT NULL,
    kind TEXT NOT NULL,
    detail TEXT NOT NULL,
    area TEXT NOT NULL,
    state BIGINT NOT NULL,
    assignee TEXT,
    resolution TEXT,
    note TEXT,
    created_at BIGINT NOT NULL,
    claimed_at BIGINT,
    resolved_at BIGINT
);
CREATE UNIQUE INDEX review_open ON review (case_id, flag, person) WHERE state < 2;

CREATE TABLE verification (
    verification TEXT NOT NULL PRIMARY KEY,
    case_id TEXT NOT NULL,
    actor TEXT NOT NULL,
    area TEXT NOT NULL,
    state TEXT NOT NULL,
    idempotency_key TEXT,
    body_hash TEXT,
    owner BIGINT,
    report_version BIGINT NOT NULL,
    report TEXT,
    created_at BIGINT NOT NULL,
    updated_at BIGINT NOT NULL,
    UNIQUE (actor, idempotency_key)
);

CREATE TABLE api_key (
    prefix TEXT NOT NULL PRIMARY KEY,
    hash TEXT NOT NULL,
    name TEXT NOT NULL,
    area TEXT NOT NULL,
    created_at BIGINT NOT NULL,
    expires_at BIGINT,
    revoked_at BIGINT
);

-- The audit log: append-only, each leaf chained to the one before. audit_head carries a MAC, so that a cut-off tail shows.
CREATE TABLE audit (seq BIGINT NOT NULL PRIMARY KEY, leaf TEXT NOT NULL, hash TEXT NOT NULL);
CREATE TABLE audit_head (id BIGINT NOT NULL PRIMARY KEY, size BIGINT NOT NULL, hash TEXT NOT NULL, mac TEXT NOT NULL);
