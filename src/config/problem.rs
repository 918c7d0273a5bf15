//! What is wrong with a configuration, and where.

use super::file::File;
use std::fmt;
use std::ops::Range;

/// Does it stop the configuration from being used?
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    Error,
    Warning,
}

/// One problem. Its `Display` is what `trunkline check` prints: place, message, the line with a caret, the remedy.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Problem {
    pub severity: Severity,
    pub file: String,
    /// From 1; 0 if the problem is about the whole file.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    pub message: String,
    pub help: Option<String>,
    #[serde(skip)]
    /// The line, and how many characters the caret underlines.
    pub(super) source: Option<(String, usize)>,
}

impl Problem {
    pub(super) fn at(file: &File, span: Range<usize>, message: String) -> Problem {
        let (line, column) = file.place(span.start);
        let text = file.text.lines().nth(line - 1).unwrap_or_default().to_owned();
        let under = file.text.get(span).unwrap_or_default().lines().next().map_or(1, |s| s.chars().count());
        let under = under.clamp(1, text.chars().count().saturating_sub(column - 1).max(1));
        Problem {
            severity: Severity::Error,
            file: file.name.clone(),
            line,
            column,
            message,
            help: None,
            source: Some((text, under)),
        }
    }

    pub(super) fn whole_directory(message: &str) -> Problem {
        Problem {
            severity: Severity::Error,
            file: "dialplans".into(),
            line: 0,
            column: 0,
            message: message.into(),
            help: None,
            source: None,
        }
    }

    pub(crate) fn help(mut self, help: Option<String>) -> Problem {
        self.help = help;
        self
    }

    pub(super) fn warning(mut self) -> Problem {
        self.severity = Severity::Warning;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        };
        write!(f, "{}", self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        write!(f, ": {kind}: {}", self.message)?;
        if let Some((text, under)) = &self.source {
            // Han characters are two columns wide on a terminal.
            let wide = |s: &str| s.chars().map(|c| if c as u32 >= 0x1100 { 2 } else { 1 }).sum::<usize>();
            let before: String = text.chars().take(self.column - 1).collect();
            let marked: String = text.chars().skip(self.column - 1).take(*under).collect();
            write!(f, "\n  | {text}\n  | {}{}", " ".repeat(wide(&before)), "^".repeat(wide(&marked).max(1)))?;
        }
        if let Some(help) = &self.help {
            write!(f, "\n  = {help}")?;
        }
        Ok(())
    }
}
