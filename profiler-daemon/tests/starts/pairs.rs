//! Rows that together hold every pair of values of every two factors, and few of them.

use std::collections::BTreeSet;

/// A value for each factor, by its index.
pub(crate) type Row = Vec<usize>;

/// Two factors with a value each.
type Pair = (usize, usize, usize, usize);

/// Chooses rows for factors with so many values each: always the row that adds most pairs, the first of equals.
pub(crate) fn every_pair(sizes: &[usize]) -> Vec<Row> {
    let all = every_row(sizes);
    let mut missing: BTreeSet<Pair> = all.iter().flat_map(|row| pairs_of(row)).collect();
    let mut chosen = Vec::new();
    while !missing.is_empty() {
        let gain = |row: &Row| pairs_of(row).filter(|pair| missing.contains(pair)).count();
        // `max_by_key` gives the last of equals.
        let best = all
            .iter()
            .rev()
            .max_by_key(|row| gain(row))
            .expect("there are rows")
            .clone();
        for pair in pairs_of(&best) {
            missing.remove(&pair);
        }
        chosen.push(best);
    }
    chosen
}

fn every_row(sizes: &[usize]) -> Vec<Row> {
    sizes.iter().fold(vec![Row::new()], |rows, &size| {
        rows.iter()
            .flat_map(|row| {
                (0..size).map(move |value| {
                    let mut longer = row.clone();
                    longer.push(value);
                    longer
                })
            })
            .collect()
    })
}

fn pairs_of(row: &[usize]) -> impl Iterator<Item = Pair> + '_ {
    row.iter().enumerate().flat_map(move |(first, &value)| {
        let others = row.iter().enumerate().skip(first + 1);
        others.map(move |(second, &other)| (first, value, second, other))
    })
}

#[test]
fn the_rows_hold_every_pair_and_are_few() {
    let sizes = [3, 2, 2, 3];
    let rows = every_pair(&sizes);
    let held: BTreeSet<Pair> = rows.iter().flat_map(|row| pairs_of(row)).collect();
    // 3·2 + 3·2 + 3·3 + 2·2 + 2·3 + 2·3
    assert_eq!(held.len(), 37);
    assert!(rows.len() < 14, "{} rows of 36", rows.len());
}
