//! The least of each variant, and the ratios.

use std::collections::{BTreeMap, BTreeSet};

use crate::variant::Variant;

#[derive(Default)]
pub(crate) struct Table {
    least: BTreeMap<(usize, Variant), f64>,
    disturbed: BTreeSet<(usize, Variant)>,
    clean: BTreeSet<(usize, Variant)>,
}

impl Table {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Takes a round's figure. One that was taken while others hung on the same hooks counts only
    /// as long as there is no other.
    pub(crate) fn add(&mut self, variant: Variant, cgroups: usize, ns: f64, disturbed: bool) {
        let key = (cgroups, variant);
        let better = match (disturbed, self.clean.contains(&key)) {
            (true, true) => return,
            (false, false) => true,
            _ => self.least.get(&key).is_none_or(|least| ns < *least),
        };
        if disturbed {
            self.disturbed.insert(key);
        } else {
            self.disturbed.remove(&key);
            self.clean.insert(key);
        }
        if better {
            self.least.insert(key, ns);
        }
    }

    pub(crate) fn print(&self, rounds: u32) {
        let sizes: BTreeSet<usize> = self.least.keys().map(|(cgroups, _)| *cgroups).collect();
        println!(
            "ns per getppid, the least of {rounds} rounds taken in turns; compare within this run only"
        );
        for cgroups in sizes {
            println!(
                "\n{:<37} {:>9} {:>9} {:>7} {:>14} {:>6}",
                format!("cgroups known: {cgroups}"),
                "ns",
                "+ns",
                "÷ bare",
                "÷ empty",
                "aim"
            );
            for variant in Variant::ALL {
                self.print_row(cgroups, variant);
            }
        }
        if !self.disturbed.is_empty() {
            println!(
                "\n* another recorder hung on the same hooks all the while: every figure holds its cost too"
            );
        }
    }

    fn print_row(&self, cgroups: usize, variant: Variant) {
        let of = |variant| self.least.get(&(cgroups, variant)).copied();
        let (Some(ns), Some(bare)) = (of(variant), of(Variant::Bare)) else {
            return;
        };
        let empty = variant
            .aim()
            .and_then(|(base, aim)| Some((ns / of(base)?, aim)));
        let (ratio, aim) = empty.map_or_else(Default::default, |(ratio, aim)| {
            let verdict = if ratio <= aim { "met" } else { "missed" };
            (format!("{ratio:.2}"), format!("{aim} {verdict}"))
        });
        let mark = if self.disturbed.contains(&(cgroups, variant)) {
            "*"
        } else {
            ""
        };
        println!(
            "{:<37} {ns:>9.0} {:>9.0} {:>7.2} {ratio:>8} {aim:>12}",
            format!("{}{mark}", variant.label()),
            ns - bare,
            ns / bare,
        );
    }
}
