//! What a filter answers to every call at once: its program as a diagram, exactly.
//!
//! The program is walked forwards with registers that hold functions of the call, to find every
//! state in which each instruction can be reached; then backwards, to find what each leads to.
//! Jumps only lead forward, so each instruction is visited once for each state. Whatever grows
//! beyond a bound is reported as undecided; nothing is sampled or guessed.

use rustc_hash::FxHashMap;

use crate::seccomp::{
    action::Action,
    diagram::{Bits, Diagrams, Node, TooLarge, Word},
    filter::program::{DATA_BYTES, Instruction, MEMORY_WORDS, Program, code},
};

/// Bound on the states in which instructions are reached.
const MOST_STATES: usize = 100_000;

/// The meaning of programs in force together, the newest first.
///
/// # Errors
/// They are too intricate to be decided exactly.
pub fn stacked(diagrams: &mut Diagrams, programs: &[Program]) -> Result<Node, TooLarge> {
    let mut whole = diagrams.answer(Action::Allow);
    for program in programs.iter().rev() {
        let one = diagram(diagrams, program)?;
        whole = diagrams.stack(one, whole)?;
    }
    Ok(whole)
}

/// The diagram of a program.
///
/// # Errors
/// The program is too intricate to be decided exactly.
pub fn diagram(diagrams: &mut Diagrams, program: &Program) -> Result<Node, TooLarge> {
    Walk::new(diagrams).whole(program.instructions())
}

/// A register's content: an index into the values seen so far.
type Value = u32;

/// What decides how a program goes on from an instruction.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct State {
    a: Value,
    x: Value,
    memory: u32,
}

/// Where a program goes.
#[derive(Clone, Copy)]
enum Way {
    /// It ends.
    Return(Value),
    /// To an instruction, in this one of its states.
    Go(usize, u32),
}

#[derive(Clone, Copy)]
enum Step {
    One(Way),
    Either { condition: Node, yes: Way, no: Way },
}

struct Walk<'a> {
    diagrams: &'a mut Diagrams,
    values: Vec<Bits>,
    /// Of values that are some bits of a word of the data: which. Comparisons of these, which are
    /// nearly all, have diagrams that can be written down at once.
    parts: FxHashMap<Value, (Word, u32)>,
    known_values: FxHashMap<Bits, Value>,
    /// The words loaded so far, by their offsets.
    loaded: FxHashMap<u32, Value>,
    /// The constants met so far.
    constants: FxHashMap<u32, Value>,
    memories: Vec<[Value; MEMORY_WORDS]>,
    known_memories: FxHashMap<[Value; MEMORY_WORDS], u32>,
    /// The diagram of each comparison made.
    compared: FxHashMap<(u16, Value, Value), Node>,
    /// For each instruction the states in which it is reached, and where they lead.
    reached: Vec<Vec<(State, Step)>>,
    states: usize,
}

impl<'a> Walk<'a> {
    fn new(diagrams: &'a mut Diagrams) -> Self {
        Self {
            diagrams,
            values: Vec::new(),
            parts: FxHashMap::default(),
            known_values: FxHashMap::default(),
            loaded: FxHashMap::default(),
            constants: FxHashMap::default(),
            memories: vec![[0; MEMORY_WORDS]],
            known_memories: FxHashMap::default(),
            compared: FxHashMap::default(),
            reached: Vec::new(),
            states: 0,
        }
    }

    fn whole(mut self, program: &[Instruction]) -> Result<Node, TooLarge> {
        // The registers are 0 at the start.
        let zero = self.constant(0);
        let start = State {
            a: zero,
            x: zero,
            memory: 0,
        };
        self.reached = vec![Vec::new(); program.len()];
        self.reach(0, start)?;
        for (at, instruction) in program.iter().enumerate() {
            for index in 0..self.reached.get(at).map_or(0, Vec::len) {
                let Some((state, _)) = self.reached.get(at).and_then(|list| list.get(index)) else {
                    break;
                };
                let state = *state;
                let step = self.step(at, *instruction, state)?;
                if let Some(place) = self
                    .reached
                    .get_mut(at)
                    .and_then(|list| list.get_mut(index))
                {
                    place.1 = step;
                }
            }
        }
        self.backwards()
    }

    fn backwards(self) -> Result<Node, TooLarge> {
        let Self {
            diagrams,
            values,
            reached,
            ..
        } = self;
        let mut results: Vec<Vec<Node>> = vec![Vec::new(); reached.len()];
        let mut returned: FxHashMap<Value, Node> = FxHashMap::default();
        for (at, states) in reached.iter().enumerate().rev() {
            let mut list = Vec::with_capacity(states.len());
            for (_, step) in states {
                let mut follow = |diagrams: &mut Diagrams, way: Way| match way {
                    Way::Go(at, index) => Ok(results[at][index as usize]),
                    Way::Return(value) => {
                        if let Some(node) = returned.get(&value) {
                            return Ok(*node);
                        }
                        let node = diagrams.value(&values[value as usize])?;
                        returned.insert(value, node);
                        Ok(node)
                    }
                };
                list.push(match *step {
                    Step::One(way) => follow(diagrams, way)?,
                    Step::Either { condition, yes, no } => {
                        let (yes, no) = (follow(diagrams, yes)?, follow(diagrams, no)?);
                        diagrams.choose(condition, yes, no)?
                    }
                });
            }
            results[at] = list;
        }
        Ok(results[0][0])
    }

    fn constant(&mut self, value: u32) -> Value {
        if let Some(known) = self.constants.get(&value) {
            return *known;
        }
        let known = self.intern(Bits::constant(value));
        self.constants.insert(value, known);
        known
    }

    fn intern(&mut self, bits: Bits) -> Value {
        if let Some(value) = self.known_values.get(&bits) {
            return *value;
        }
        let value = self.values.len() as Value;
        self.values.push(bits);
        self.known_values.insert(bits, value);
        value
    }

    /// Notes that an instruction is reached in a state.
    fn reach(&mut self, at: usize, state: State) -> Result<Way, TooLarge> {
        let Some(list) = self.reached.get_mut(at) else {
            return Err(TooLarge);
        };
        let index = match list.iter().position(|(known, _)| *known == state) {
            Some(index) => index,
            None => {
                self.states += 1;
                if self.states > MOST_STATES {
                    return Err(TooLarge);
                }
                list.push((state, Step::One(Way::Return(0))));
                list.len() - 1
            }
        };
        Ok(Way::Go(at, index as u32))
    }

    fn step(
        &mut self,
        at: usize,
        instruction: Instruction,
        state: State,
    ) -> Result<Step, TooLarge> {
        let Instruction { code, jt, jf, k } = instruction;
        let word = k as usize % MEMORY_WORDS;
        let memory = self.memories[state.memory as usize];
        let mut next = state;
        match code {
            code::LD_ABS => next.a = self.load(k)?,
            code::LD_LEN => next.a = self.constant(DATA_BYTES),
            code::LD_IMM => next.a = self.constant(k),
            code::LD_MEM => next.a = memory[word],
            code::LDX_LEN => next.x = self.constant(DATA_BYTES),
            code::LDX_IMM => next.x = self.constant(k),
            code::LDX_MEM => next.x = memory[word],
            code::ST => next.memory = self.store(memory, word, state.a),
            code::STX => next.memory = self.store(memory, word, state.x),
            code::TAX => next.x = state.a,
            code::TXA => next.a = state.x,
            code::NEG => {
                let bits = self.values[state.a as usize];
                let negative = self.diagrams.negative(&bits)?;
                next.a = self.intern(negative);
            }
            code::RET_K => return Ok(Step::One(Way::Return(self.constant(k)))),
            code::RET_A => return Ok(Step::One(Way::Return(state.a))),
            code::JA => return Ok(Step::One(self.reach(at + 1 + k as usize, state)?)),
            _ => {
                let operand = if code & code::X_OPERAND == 0 {
                    self.constant(k)
                } else {
                    state.x
                };
                let operation = code & code::OPERATION;
                if code & code::CLASS == code::CLASS_JMP {
                    let condition = self.compare(operation, state.a, operand)?;
                    let (yes, no) = (at + 1 + usize::from(jt), at + 1 + usize::from(jf));
                    return self.branch(condition, (yes, state), (no, state));
                }
                return self.arithmetic(at, operation, operand, state);
            }
        }
        Ok(Step::One(self.reach(at + 1, next)?))
    }

    /// Only ways that some call can take are followed.
    fn branch(
        &mut self,
        condition: Node,
        yes: (usize, State),
        no: (usize, State),
    ) -> Result<Step, TooLarge> {
        Ok(match condition {
            Node::TRUE => Step::One(self.reach(yes.0, yes.1)?),
            Node::FALSE => Step::One(self.reach(no.0, no.1)?),
            condition => Step::Either {
                condition,
                yes: self.reach(yes.0, yes.1)?,
                no: self.reach(no.0, no.1)?,
            },
        })
    }

    fn arithmetic(
        &mut self,
        at: usize,
        operation: u16,
        operand: Value,
        state: State,
    ) -> Result<Step, TooLarge> {
        let (a, b) = (self.values[state.a as usize], self.values[operand as usize]);
        let result = self.diagrams.calculate(operation, &a, &b)?;
        let next = State {
            a: self.intern(result),
            ..state
        };
        if let (code::AND, Some((word, mask)), Some(k)) = (
            operation,
            self.parts.get(&state.a).copied(),
            b.as_constant(),
        ) {
            self.parts.insert(next.a, (word, mask & k));
        }
        if operation != code::DIV {
            return Ok(Step::One(self.reach(at + 1, next)?));
        }
        // Division by 0 ends the program with 0.
        let zero = self.constant(0);
        Ok(match self.compare(code::JEQ, operand, zero)? {
            Node::FALSE => Step::One(self.reach(at + 1, next)?),
            Node::TRUE => Step::One(Way::Return(zero)),
            condition => Step::Either {
                condition,
                yes: Way::Return(zero),
                no: self.reach(at + 1, next)?,
            },
        })
    }

    fn compare(&mut self, operation: u16, a: Value, operand: Value) -> Result<Node, TooLarge> {
        let key = (operation, a, operand);
        if let Some(node) = self.compared.get(&key) {
            return Ok(*node);
        }
        let (left, right) = (self.values[a as usize], self.values[operand as usize]);
        let node = match (self.parts.get(&a).copied(), right.as_constant()) {
            (Some((word, mask)), Some(k)) if operation == code::JEQ => {
                self.diagrams.masked_equal(word, mask, k)?
            }
            (Some((word, u32::MAX)), Some(k)) if operation != code::JSET => {
                self.diagrams.greater(word, k, operation == code::JGE)?
            }
            _ => self.diagrams.compare(operation, &left, &right)?,
        };
        self.compared.insert(key, node);
        Ok(node)
    }

    fn load(&mut self, offset: u32) -> Result<Value, TooLarge> {
        let Some(word) = Word::at(offset) else {
            return Ok(self.constant(0));
        };
        if let Some(value) = self.loaded.get(&offset) {
            return Ok(*value);
        }
        let bits = self.diagrams.word(word)?;
        let value = self.intern(bits);
        self.parts.insert(value, (word, u32::MAX));
        self.loaded.insert(offset, value);
        Ok(value)
    }

    fn store(&mut self, memory: [Value; MEMORY_WORDS], word: usize, value: Value) -> u32 {
        let mut memory = memory;
        memory[word] = value;
        *self.known_memories.entry(memory).or_insert_with(|| {
            self.memories.push(memory);
            (self.memories.len() - 1) as u32
        })
    }
}

#[cfg(test)]
#[path = "symbolic_tests.rs"]
mod tests;
