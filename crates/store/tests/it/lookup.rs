//! A few people are looked up page by page, with what reading whole buckets gives.

use hedui_base::Outcome;
use hedui_store::{At, Store, StoreOptions};

use crate::support::{account, accounts, catalogue, connect, outcome, people, settle};

#[tokio::test]
async fn people_looked_up_are_read_as_with_everyone() {
    let dir = tempfile::tempdir().unwrap();
    let mut conn = connect(dir.path()).await;
    let options = StoreOptions { bucket_people: 100_000 };
    let store = Store::open_with(dir.path(), &mut conn, &catalogue(), options).await.unwrap();
    // Enough rows for many pages a column; some people have hundreds, most one, every seventh none; then some anew.
    let (mut answer, mut newest) = (0, std::collections::BTreeMap::new());
    for round in 0..3u32 {
        let (mut rows, mut coverage) = (Vec::new(), Vec::new());
        for person in (0..20_000u32).filter(|p| p % 7 != 3 && (round == 0 || p % 11 == round)) {
            answer += 1;
            let count = if person % 997 == 0 { 700 } else { 1 };
            let name = |n: u32| format!("{person:06}-{round}-{n:04}");
            let own: Vec<_> = (0..count)
                .map(|n| account(person, "bank.a", &name(n), (n % 3 > 0).then_some(i64::from(n)), answer))
                .collect();
            coverage.push(outcome(person, "bank.a", Outcome::Found, answer));
            rows.extend(own.iter().cloned());
            newest.insert(person, own);
        }
        settle(&store, &mut conn, &rows, &coverage).await;
    }
    for compacted in [false, true] {
        if compacted {
            store.compact(&mut conn, 2).await.unwrap();
        }
        let all = store.snapshot(&mut conn, At::Latest).await.unwrap();
        let every = people(0..20_000);
        assert_eq!(accounts(&all.records("deposit", &every, None).unwrap()).len(), newest.values().flatten().count());
        for family in
            [vec![0], vec![3], vec![996, 997, 998], vec![1, 10_003, 19_999], vec![8191, 8192], (500..564).collect()]
        {
            let expected: Vec<_> = family.iter().filter_map(|p| newest.get(p)).flatten().cloned().collect();
            let people = people(family);
            // One that has read the whole bucket, and one that looks up.
            let few = store.snapshot_of(&mut conn, At::Latest, &people).await.unwrap();
            for snapshot in [&all, &few] {
                assert_eq!(accounts(&snapshot.records("deposit", &people, None).unwrap()), expected);
                let some = snapshot.records("deposit", &people, Some(&["guarded"])).unwrap();
                assert_eq!((some.len(), some.table.columns.len()), (expected.len(), 1));
            }
            assert_eq!(few.coverage(&people).unwrap(), all.coverage(&people).unwrap());
            assert_eq!(few.coverage_history(&people).unwrap(), all.coverage_history(&people).unwrap());
        }
    }
}
