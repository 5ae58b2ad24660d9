//! `profilectl diff`: how two profiles differ, by what they do and not by how they are written.

mod evidence;
mod unified;

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use serde_json::{Value, json};

use self::evidence::Evidence;
use super::{
    circumstances::{circumstances, meaning},
    exit::{ExitStatus, Failure},
    operand::{is_file, load},
    policy_wording::{answer, arguments, case_value, cases},
    printable::{printable, wrapped},
    profile_args::{Against, DiffArgs, DiffFormat},
    table::WIDTH,
    terminal::{Terminal, Tone},
    version_of,
    wording::counted,
};
use crate::{
    api::client::Client,
    profile::version::Subject,
    seccomp::{
        action::Action,
        arch::{Arch, X32_BIT},
        diagram::Diagrams,
        difference::{Difference, Direction, differences},
        summary::{Standing, arch_of, standing},
    },
};

/// Numbers without a name that are listed one by one.
const MOST_NAMELESS: u32 = 4;

pub(super) async fn run(
    args: &DiffArgs,
    client: &Client,
    terminal: &Terminal,
) -> Result<ExitStatus, Failure> {
    let circumstances = circumstances(&args.circumstances)?;
    let meaning = meaning(args.meaning, &args.host)?;
    let (before, after) = sides(args, client).await?;
    if before == "-" && after == "-" {
        return Err(Failure::new(
            ExitStatus::BadInput,
            "standard input can be read only once: name a file for one of the two",
        ));
    }
    let mut diagrams = Diagrams::new();
    let mut roots = Vec::new();
    let mut operands = Vec::new();
    for operand in [&before, &after] {
        let operand = load(operand, client, circumstances.arch).await?;
        operand.warn(terminal);
        roots.push(operand.diagram(&mut diagrams, &circumstances, meaning)?);
        operands.push(operand);
    }
    let ([root, other_root], [one, other]) = (roots.as_slice(), operands.as_slice()) else {
        return Ok(ExitStatus::Done);
    };
    let found = differences(&diagrams, *root, *other_root)?;
    let lines = lines(&mut diagrams, &found)?;
    if args.format == DiffFormat::Table && lines.is_empty() {
        terminal.remark(&format!(
            "{} and {} do the same with every call",
            printable(&one.title),
            printable(&other.title)
        ));
    }
    let evidence = match lines.is_empty() {
        true => Default::default(),
        false => [
            Evidence::of(&before, client).await,
            Evidence::of(&after, client).await,
        ],
    };
    match args.format {
        DiffFormat::Json => {
            let values = lines.iter().map(|line| evidence::value(line, &evidence));
            terminal.print_json(&values.collect::<Vec<_>>())?;
        }
        DiffFormat::Unified => {
            terminal.print(&unified::unified([one, other], &circumstances, terminal)?)?;
        }
        DiffFormat::Table if lines.is_empty() => {}
        DiffFormat::Table => {
            let text = text(&one.title, &other.title, &lines, *terminal);
            terminal.print(&(text + &evidence::text(&lines, &evidence)))?;
        }
    }
    Ok(if lines.is_empty() {
        ExitStatus::Done
    } else {
        ExitStatus::Found
    })
}

/// What is compared. What a recorded profile is compared with comes first: the difference is what
/// the recorded one brought.
async fn sides(args: &DiffArgs, client: &Client) -> Result<(String, String), Failure> {
    let Some(against) = args.against else {
        return Ok((args.before.clone(), args.after.clone().unwrap_or_default()));
    };
    let name = &args.before;
    let refused = |why: &str| {
        let text = format!("--against {why}, and {name} is none");
        Failure::new(ExitStatus::BadInput, text)
    };
    let before = match against {
        Against::DockerDefault => "docker-default".to_owned(),
        _ if is_file(name) => return Err(refused("takes a container or an image")),
        Against::Previous => version_of::previous(name, client).await?,
        Against::Active => match version_of::named(name) {
            Subject::Container(container) => format!("active:{container}"),
            Subject::Image(_) => return Err(refused("active takes a container")),
        },
    };
    Ok((before, name.clone()))
}

/// One call, or numbers without a name, on which the profiles differ.
pub(super) struct Line {
    pub direction: Direction,
    /// None for audit numbers that no table has.
    arch: Option<Arch>,
    first: u32,
    last: u32,
    before: Standing,
    after: Standing,
    witness: [u64; 6],
    answered: Action,
    answers: Action,
}

/// A line for each name, and for each range of numbers without one.
pub(super) fn lines(diagrams: &mut Diagrams, found: &[Difference]) -> Result<Vec<Line>, Failure> {
    let mut lines = Vec::new();
    for one in found {
        let before = standing(diagrams, one.before)?;
        let after = standing(diagrams, one.after)?;
        for (arch, first, last) in parts(one) {
            lines.push(Line {
                direction: one.direction,
                arch,
                first,
                last,
                before: before.clone(),
                after: after.clone(),
                witness: one.witness.args,
                answered: one.answered,
                answers: one.answers,
            });
        }
    }
    Ok(lines)
}

/// A difference by the names in it, and the numbers between them.
fn parts(one: &Difference) -> Vec<(Option<Arch>, u32, u32)> {
    if one.first_audit != one.last_audit {
        return across_audits(one);
    }
    let Some(arch) = arch_of(one.first_audit, one.first) else {
        return vec![(None, one.first, one.last)];
    };
    // x86_64's numbers and x32's share a range where both are treated alike.
    if arch == Arch::X86_64 && one.last & X32_BIT != 0 && one.first < X32_BIT {
        let halves = [(one.first, X32_BIT - 1), (X32_BIT, one.last)];
        return halves
            .into_iter()
            .flat_map(|(first, last)| {
                parts(&Difference {
                    first,
                    last,
                    ..one.clone()
                })
            })
            .collect();
    }
    let mut parts = Vec::new();
    let mut from = Some(one.first);
    for (nr, _) in arch.syscalls() {
        if nr < one.first || nr > one.last {
            continue;
        }
        if let Some(from) = from.filter(|from| *from < nr) {
            nameless(arch, from, nr - 1, &mut parts);
        }
        parts.push((Some(arch), nr, nr));
        from = nr.checked_add(1);
    }
    if let Some(from) = from.filter(|from| *from <= one.last) {
        nameless(arch, from, one.last, &mut parts);
    }
    parts
}

/// The parts of a difference in calls of several audit numbers: under each that is known, and under
/// all others. Every number of all of them is one part.
fn across_audits(one: &Difference) -> Vec<(Option<Arch>, u32, u32)> {
    let mut parts_of_all = vec![(None, one.first, one.last)];
    if (one.first, one.last) == (0, u32::MAX) {
        return parts_of_all;
    }
    for arch in Arch::ALL {
        let audit = arch.audit();
        // x32 shares its audit number with x86_64, under which both are parted.
        if arch != Arch::X32 && (one.first_audit..=one.last_audit).contains(&audit) {
            parts_of_all.extend(parts(&Difference {
                first_audit: audit,
                last_audit: audit,
                ..one.clone()
            }));
        }
    }
    parts_of_all
}

fn nameless(arch: Arch, first: u32, last: u32, parts: &mut Vec<(Option<Arch>, u32, u32)>) {
    if last - first < MOST_NAMELESS {
        parts.extend((first..=last).map(|nr| (Some(arch), nr, nr)));
    } else {
        parts.push((Some(arch), first, last));
    }
}

impl Line {
    /// What it is about, without its ABI.
    fn subject(&self) -> String {
        match self.arch {
            // Such is no call's number, and every ABI has it.
            Some(_) if self.first == u32::MAX => "number -1".to_owned(),
            Some(arch) if self.first == self.last => arch
                .syscall(self.first)
                .map_or_else(|| format!("#{}", self.bare(self.first)), str::to_owned),
            _ if self.first == 0 && self.last == u32::MAX => "every call".to_owned(),
            _ if self.first == self.last => format!("#{}", self.first),
            _ if self.is_to_the_end() => format!("numbers from {} on", self.bare(self.first)),
            _ => format!(
                "numbers {} to {}",
                self.bare(self.first),
                self.bare(self.last)
            ),
        }
    }

    fn sorted(&self) -> Sorted {
        let is_nameless = !self.is_named();
        let number = if is_nameless {
            self.bare(self.first)
        } else {
            0
        };
        (is_nameless, number, self.subject())
    }

    /// True if it is one call, and a table has its name.
    fn is_named(&self) -> bool {
        self.first == self.last
            && self
                .arch
                .is_some_and(|arch| arch.syscall(self.first).is_some())
    }

    /// True if no number of the ABI is greater, but for -1.
    fn is_to_the_end(&self) -> bool {
        match self.arch {
            Some(Arch::X86_64) => self.last >= X32_BIT - 1,
            _ => self.last >= u32::MAX - 1,
        }
    }

    /// A number without the bit that marks it as x32's.
    fn bare(&self, nr: u32) -> u32 {
        self.arch.map_or(nr, |arch| arch.in_table(nr))
    }

    fn is_conditional(&self) -> bool {
        matches!(self.before, Standing::Conditional(_))
            || matches!(self.after, Standing::Conditional(_))
    }

    /// With stable keys.
    pub(super) fn value(&self) -> Value {
        let side = |standing: &Standing| match standing {
            Standing::Always(action) => Value::from(action.to_string()),
            Standing::Conditional(list) => list.iter().map(case_value).collect(),
        };
        json!({
            "change": word(self.direction),
            "abi": self.arch.map(Arch::name),
            "first": self.bare(self.first),
            "last": self.bare(self.last),
            "name": self.arch.filter(|_| self.first == self.last).and_then(|arch| arch.syscall(self.first)),
            "before": side(&self.before),
            "after": side(&self.after),
            "witness": {
                "args": self.witness,
                "before": self.answered.to_string(),
                "after": self.answers.to_string(),
            },
        })
    }
}

const fn word(direction: Direction) -> &'static str {
    match direction {
        Direction::Loosened => "loosened",
        Direction::Tightened => "tightened",
        Direction::Both => "both",
        Direction::Answer => "answer",
    }
}

const fn heading(direction: Direction) -> (&'static str, Tone) {
    match direction {
        Direction::Loosened => ("loosened: lets through what was refused", Tone::Bad),
        Direction::Tightened => ("tightened: refuses what was let through", Tone::Good),
        Direction::Both => (
            "both: lets through some of what was refused, and the reverse",
            Tone::Doubtful,
        ),
        Direction::Answer => ("another answer: lets through the same", Tone::Heading),
    }
}

fn text(before: &str, after: &str, lines: &[Line], terminal: Terminal) -> String {
    let mut groups: BTreeMap<Direction, Vec<&Line>> = BTreeMap::new();
    for line in lines {
        groups.entry(line.direction).or_default().push(line);
    }
    let mut text = format!("{} → {}\n", printable(before), printable(after));
    for (direction, lines) in groups {
        let (title, tone) = heading(direction);
        let count = counted(lines.len() as u64, "call", "calls");
        let _ = writeln!(
            text,
            "\n{}",
            terminal.tint(tone, &format!("{title} ({count})"))
        );
        let mut alike: BTreeMap<(String, String), Vec<&Line>> = BTreeMap::new();
        for line in lines.iter().filter(|line| !line.is_conditional()) {
            alike
                .entry((short(&line.before), short(&line.after)))
                .or_default()
                .push(line);
        }
        for ((before, after), lines) in alike {
            let _ = writeln!(text, "  {before} → {after}");
            for (abis, subjects) in by_abis(&lines) {
                let list = format!("{abis}: {subjects}");
                let _ = writeln!(text, "    {}", wrapped(&list, 6, WIDTH));
            }
        }
        // So are those of one name under several ABIs.
        let mut alike: BTreeMap<(String, String), Vec<&Line>> = BTreeMap::new();
        for line in lines.iter().filter(|line| line.is_conditional()) {
            alike
                .entry((line.subject(), conditional(line)))
                .or_default()
                .push(line);
        }
        for ((subject, sides), lines) in alike {
            let abis: Vec<String> = by_abis(&lines).into_keys().collect();
            let _ = writeln!(text, "  {}: {subject}", abis.join(", "));
            text.push_str(&sides);
            if let Some(line) = lines.iter().find(|line| line.arch.is_some()) {
                let _ = writeln!(
                    text,
                    "    as in {}({}): {} → {}",
                    subject,
                    arguments(line.witness),
                    answer(line.answered),
                    answer(line.answers)
                );
            }
        }
    }
    text
}

/// What lines that change alike are about, by the ABIs in which they do.
pub(super) fn by_abis(lines: &[&Line]) -> BTreeMap<String, String> {
    let mut subjects: BTreeMap<Sorted, Vec<&'static str>> = BTreeMap::new();
    for line in lines {
        let abi = line.arch.map_or("others", Arch::name);
        subjects.entry(line.sorted()).or_default().push(abi);
    }
    // Of what most of an ABI's calls do the exceptions are told.
    let mut most: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for arch in Arch::ALL {
        let names: BTreeSet<u32> = lines
            .iter()
            .filter(|line| line.arch == Some(arch) && line.is_named())
            .map(|line| line.first)
            .collect();
        if names.len() * 2 <= arch.syscalls().len() {
            continue;
        }
        let mut others: Vec<&str> = arch
            .syscalls()
            .into_iter()
            .filter(|(nr, _)| !names.contains(nr))
            .map(|(_, name)| name)
            .collect();
        others.sort_unstable();
        let text = if others.is_empty() {
            MOST.to_owned()
        } else {
            format!("{MOST} but {}", others.join(", "))
        };
        most.entry(text).or_default().push(arch.name());
        for ((is_nameless, ..), abis) in &mut subjects {
            abis.retain(|abi| *is_nameless || *abi != arch.name());
        }
    }
    let mut groups: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let rest = subjects
        .into_iter()
        .map(|((_, _, subject), abis)| (subject, abis));
    for (subject, mut abis) in most.into_iter().chain(rest) {
        // x86_64 before x32 before i386.
        abis.sort_unstable_by(|one, two| two.cmp(one));
        abis.dedup();
        if !abis.is_empty() {
            groups.entry(abis.join(", ")).or_default().push(subject);
        }
    }
    groups
        .into_iter()
        .map(|(abis, subjects)| {
            let (most, rest): (Vec<String>, Vec<String>) = subjects
                .into_iter()
                .partition(|subject| subject.starts_with(MOST));
            let lists = [most.join("; "), rest.join(", ")];
            let lists: Vec<String> = lists.into_iter().filter(|list| !list.is_empty()).collect();
            (abis, lists.join("; "))
        })
        .collect()
}

/// How a list begins that tells exceptions.
const MOST: &str = "all with a name";

/// What a line is about, to be sorted: names by letter, then numbers by size.
type Sorted = (bool, u32, String);

fn short(standing: &Standing) -> String {
    match standing {
        Standing::Always(action) => answer(*action),
        Standing::Conditional(_) => "by its arguments".to_owned(),
    }
}

fn conditional(line: &Line) -> String {
    let mut text = String::new();
    for (side, standing) in [("before", &line.before), ("after", &line.after)] {
        match standing {
            Standing::Always(action) => {
                let _ = writeln!(text, "    {side}: {}", answer(*action));
            }
            Standing::Conditional(list) => {
                let _ = writeln!(text, "    {side}:");
                text.push_str(&cases(list, "      "));
            }
        }
    }
    text
}
