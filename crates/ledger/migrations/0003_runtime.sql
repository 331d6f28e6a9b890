-- How sources are run: budgets, breakers, what is held back and why, which manifest read what, what is to be destroyed.

-- People asked about with one account on one day of China.
CREATE TABLE budget (
    credential TEXT NOT NULL,
    day TEXT NOT NULL,
    used BIGINT NOT NULL,
    PRIMARY KEY (credential, day)
);

-- state: 0 closed (asked as usual), 1 open (left alone). calls: the last ones, 1 good, 0 failed, oldest first.
CREATE TABLE breaker (
    source TEXT NOT NULL PRIMARY KEY,
    state BIGINT NOT NULL,
    open_until BIGINT,
    calls TEXT NOT NULL,
    trips BIGINT NOT NULL,
    changed_at BIGINT NOT NULL
);

-- Why a planned ask is not sent yet.
ALTER TABLE ask ADD COLUMN held TEXT;

-- Every manifest that was asked by, numbered, with its first call; an ask says by which one its answer was read.
CREATE TABLE manifest (
    number BIGINT NOT NULL PRIMARY KEY,
    source TEXT NOT NULL,
    hash TEXT NOT NULL,
    first_at BIGINT NOT NULL,
    UNIQUE (source, hash)
);
ALTER TABLE ask ADD COLUMN manifest BIGINT;

-- What an institution's servers show of themselves: how far their clock is ahead, until when their certificate holds.
CREATE TABLE observed (
    institution TEXT NOT NULL PRIMARY KEY,
    skew_ms BIGINT,
    certificate_until BIGINT,
    at BIGINT NOT NULL
);

-- A row that a later reading of the same reply could use.
ALTER TABLE quarantine ADD COLUMN cured_at BIGINT;

-- Replies with data on people nobody asked about, to be overwritten.
CREATE TABLE doomed (raw TEXT NOT NULL PRIMARY KEY, at BIGINT NOT NULL);

CREATE INDEX attempt_when ON attempt (source, at);
