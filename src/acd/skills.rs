//! Requirements: what an agent must be able to do to get a call.
//!
//! ```text
//! requirement := and ("or" and)*
//! and         := not ("and" not)*
//! not         := "not" not | "(" requirement ")" | skill [ (">=" | ">" | "<=" | "<" | "=") level ]
//! ```
//! `billing >= 4 and (zh or en)`. A skill is letters (of any script), digits, `-`, `_` and `.`, and begins with a letter; a
//! level is 1 to 10; a bare skill means `>= 1`; a skill that an agent does not have is level 0.

use super::name::Name;
use crate::limits::{REQUIREMENT_CHARS_MAX, REQUIREMENT_DEPTH_MAX};
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::fmt;

/// Skill levels of an agent, 1 to 10.
pub type Skills = BTreeMap<Name, u8>;

/// The highest level of a skill.
pub const LEVEL_MAX: u8 = 10;

/// A checked requirement. Two are equal if they are written alike.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Requirement {
    text: Name,
    node: Node,
}

/// What is wrong with a requirement, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequirementError {
    /// Octets of the text, from 0.
    pub at: std::ops::Range<usize>,
    pub message: String,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Node {
    /// Holds if comparing the agent's level with `level` gives one of the two orderings.
    Skill {
        skill: Name,
        holds: [Ordering; 2],
        level: u8,
    },
    Not(Box<Node>),
    And(Vec<Node>),
    Or(Vec<Node>),
}

impl Requirement {
    /// Reads a requirement.
    ///
    /// # Errors
    /// When it is not one: the place and what is expected there.
    pub fn parse(text: &str) -> Result<Requirement, RequirementError> {
        if text.len() > REQUIREMENT_CHARS_MAX {
            let message = format!("longer than {REQUIREMENT_CHARS_MAX} octets");
            return Err(RequirementError { at: REQUIREMENT_CHARS_MAX..text.len(), message });
        }
        let mut parser = Parser { text, at: 0, depth: 0 };
        let node = parser.or()?;
        match parser.peek() {
            "" => Ok(Requirement { text: text.trim().into(), node }),
            _ => Err(parser.error("expected `and`, `or` or the end")),
        }
    }

    /// True if an agent with these skills fits.
    pub fn holds(&self, skills: &Skills) -> bool {
        self.node.holds(skills)
    }

    /// The skills that it names.
    pub fn skills(&self) -> Vec<&Name> {
        let mut all = Vec::new();
        self.node.skills(&mut all);
        all
    }

    /// As written.
    pub fn text(&self) -> &Name {
        &self.text
    }
}

impl fmt::Display for Requirement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl Node {
    fn holds(&self, skills: &Skills) -> bool {
        match self {
            Node::Skill { skill, holds, level } => {
                holds.contains(&skills.get(skill).copied().unwrap_or(0).cmp(level))
            }
            Node::Not(one) => !one.holds(skills),
            Node::And(all) => all.iter().all(|n| n.holds(skills)),
            Node::Or(all) => all.iter().any(|n| n.holds(skills)),
        }
    }

    fn skills<'a>(&'a self, out: &mut Vec<&'a Name>) {
        match self {
            Node::Skill { skill, .. } => out.push(skill),
            Node::Not(one) => one.skills(out),
            Node::And(all) | Node::Or(all) => all.iter().for_each(|n| n.skills(out)),
        }
    }
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
}

impl<'a> Parser<'a> {
    /// The next word or sign; empty at the end.
    fn peek(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let trimmed = rest.trim_start();
        self.at += rest.len() - trimmed.len();
        let word =
            trimmed.find(|c: char| !(c.is_alphanumeric() || "-_.".contains(c))).unwrap_or(trimmed.len());
        let len = match word {
            0 if trimmed.starts_with(">=") || trimmed.starts_with("<=") => 2,
            0 => trimmed.chars().next().map_or(0, char::len_utf8),
            n => n,
        };
        trimmed.get(..len).unwrap_or_default()
    }

    fn take(&mut self, what: &str) -> bool {
        let found = self.peek() == what;
        if found {
            self.at += what.len();
        }
        found
    }

    fn error(&mut self, message: &str) -> RequirementError {
        let found = self.peek();
        let message = match found {
            "" => format!("{message}, found the end"),
            found => format!("{message}, found `{found}`"),
        };
        RequirementError { at: self.at..self.at + found.len(), message }
    }

    fn or(&mut self) -> Result<Node, RequirementError> {
        self.depth += 1;
        if self.depth > REQUIREMENT_DEPTH_MAX {
            return Err(self.error("nested too deeply"));
        }
        let node = self.several("or", |p| p.several("and", Parser::not, Node::And), Node::Or)?;
        self.depth -= 1;
        Ok(node)
    }

    fn several(
        &mut self,
        between: &str,
        one: impl Fn(&mut Self) -> Result<Node, RequirementError>,
        all: impl Fn(Vec<Node>) -> Node,
    ) -> Result<Node, RequirementError> {
        let first = one(self)?;
        let mut nodes = vec![first];
        while self.take(between) {
            nodes.push(one(self)?);
        }
        Ok(if nodes.len() == 1 { nodes.remove(0) } else { all(nodes) })
    }

    fn not(&mut self) -> Result<Node, RequirementError> {
        if self.take("not") {
            self.depth += 1;
            if self.depth > REQUIREMENT_DEPTH_MAX {
                return Err(self.error("nested too deeply"));
            }
            let node = self.not()?;
            self.depth -= 1;
            return Ok(Node::Not(Box::new(node)));
        }
        if self.take("(") {
            let node = self.or()?;
            return if self.take(")") { Ok(node) } else { Err(self.error("expected `)`")) };
        }
        let word = self.peek();
        if !word.starts_with(char::is_alphabetic) || ["and", "or"].contains(&word) {
            return Err(self.error("expected a skill, `not` or `(`"));
        }
        self.at += word.len();
        let holds = match self.peek() {
            ">=" => [Ordering::Greater, Ordering::Equal],
            ">" => [Ordering::Greater; 2],
            "<=" => [Ordering::Less, Ordering::Equal],
            "<" => [Ordering::Less; 2],
            "=" => [Ordering::Equal; 2],
            _ => {
                let holds = [Ordering::Greater, Ordering::Equal];
                return Ok(Node::Skill { skill: word.into(), holds, level: 1 });
            }
        };
        self.at += self.peek().len();
        let level = self.peek();
        match level.parse() {
            Ok(value @ 1..=LEVEL_MAX) => {
                self.at += level.len();
                Ok(Node::Skill { skill: word.into(), holds, level: value })
            }
            _ => Err(self.error("expected a level from 1 to 10")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(text: &str, skills: &[(&str, u8)]) -> bool {
        let skills = skills.iter().map(|(s, l)| (Name::from(*s), *l)).collect();
        Requirement::parse(text).unwrap().holds(&skills)
    }

    #[test]
    fn a_requirement_holds_for_agents_with_the_levels_it_names() {
        let text = "billing >= 4 and (zh or en)";
        assert!(holds(text, &[("billing", 4), ("en", 1)]));
        assert!(!holds(text, &[("billing", 3), ("en", 1)]));
        assert!(!holds(text, &[("billing", 9)]));
        assert!(holds("not zh or zh > 3", &[]) && !holds("not zh or zh > 3", &[("zh", 2)]));
        assert!(holds("a<5 and b = 2", &[("b", 2)]) && holds("中文", &[("中文", 1)]));
    }

    #[test]
    fn and_binds_more_closely_than_or() {
        assert!(holds("a or b and c", &[("a", 1)]));
        assert!(!holds("(a or b) and c", &[("a", 1)]));
    }

    #[test]
    fn what_is_not_a_requirement_is_refused_with_its_place() {
        for (text, at, what) in [
            ("", 0..0, "expected a skill, `not` or `(`, found the end"),
            ("billing >= 11", 11..13, "expected a level from 1 to 10, found `11`"),
            ("zh en", 3..5, "expected `and`, `or` or the end, found `en`"),
            ("(zh or en", 9..9, "expected `)`, found the end"),
            ("zh && en", 3..4, "expected `and`, `or` or the end, found `&`"),
            ("zh and or", 7..9, "expected a skill, `not` or `(`, found `or`"),
        ] {
            let error = Requirement::parse(text).unwrap_err();
            assert_eq!((error.at, error.message.as_str()), (at, what), "{text}");
        }
        assert!(
            Requirement::parse(&"(".repeat(200)).is_err() && Requirement::parse(&"not ".repeat(60)).is_err()
        );
    }
}
