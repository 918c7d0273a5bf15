//! The steps of a test call as the command line gives them, in the order in which they stand there.

use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgAction, ArgMatches, Args, Command, FromArgMatches, value_parser};
use std::path::PathBuf;
use std::time::Duration;

/// The longest single pause, in seconds.
const PAUSE_MAX_S: f64 = 3600.0;

/// One step.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Step {
    Say(String),
    Play(PathBuf),
    Dtmf(String),
    After(Duration),
    Hangup,
}

/// All steps, in order.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Steps(pub(super) Vec<Step>);

impl Args for Steps {
    fn augment_args(command: Command) -> Command {
        let step = |name: &'static str, value: &'static str, help: &'static str| {
            Arg::new(name).long(name).value_name(value).help(help).action(ArgAction::Append)
        };
        command.args([
            step("say", "TEXT", "Step: say TEXT with a synthetic voice, when it is the caller's turn"),
            step("play", "WAV", "Step: play a WAV file of 16-bit samples")
                .value_parser(value_parser!(PathBuf)),
            step("dtmf", "DIGITS", "Step: press keys (0-9 * # A-D)").value_parser(digits),
            step("after", "SECONDS", "Step: wait; the next step then begins at once, whoever speaks")
                .value_parser(seconds),
            Arg::new("hangup").long("hangup").action(ArgAction::SetTrue).help("Step: hang up"),
        ])
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Steps {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Steps, clap::Error> {
        let mut steps: Vec<(usize, Step)> = Vec::new();
        collect(matches, "say", Step::Say, &mut steps);
        collect(matches, "play", Step::Play, &mut steps);
        collect(matches, "dtmf", Step::Dtmf, &mut steps);
        collect(matches, "after", Step::After, &mut steps);
        if matches.value_source("hangup") == Some(ValueSource::CommandLine) {
            let places = matches.indices_of("hangup").into_iter().flatten();
            steps.extend(places.map(|at| (at, Step::Hangup)));
        }
        steps.sort_by_key(|(at, _)| *at);
        let steps: Vec<Step> = steps.into_iter().map(|(_, step)| step).collect();
        if steps.iter().rev().skip(1).any(|s| *s == Step::Hangup) {
            let message = "--hangup must be the last step: nothing can be said after it\n";
            return Err(clap::Error::raw(ErrorKind::ArgumentConflict, message));
        }
        Ok(Steps(steps))
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Steps::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The values of one option with their places on the command line.
fn collect<T: Clone + Send + Sync + 'static>(
    matches: &ArgMatches,
    name: &str,
    step: impl Fn(T) -> Step,
    to: &mut Vec<(usize, Step)>,
) {
    let places = matches.indices_of(name).into_iter().flatten();
    let values = matches.get_many::<T>(name).into_iter().flatten();
    to.extend(places.zip(values).map(|(at, value)| (at, step(value.clone()))));
}

fn digits(text: &str) -> Result<String, String> {
    let upper = text.to_ascii_uppercase();
    let known = |c: char| c.is_ascii_digit() || "*#ABCD".contains(c);
    match upper.chars().find(|c| !known(*c)) {
        _ if upper.is_empty() => Err("which keys? Give some of 0-9 * # A-D".into()),
        Some(c) => Err(format!("a phone has no key `{c}`; there are 0-9 * # A-D")),
        None => Ok(upper),
    }
}

/// Seconds, with a fraction if need be.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    match text.parse::<f64>() {
        Ok(s) if (0.0..=PAUSE_MAX_S).contains(&s) => Ok(Duration::from_secs_f64(s)),
        _ => Err(format!("give seconds from 0 to {PAUSE_MAX_S}, such as 1.5")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        steps: Steps,
    }

    fn parse(line: &str) -> Result<Vec<Step>, String> {
        let words = line.split_whitespace();
        Line::try_parse_from(["call"].into_iter().chain(words)).map(|l| l.steps.0).map_err(|e| e.to_string())
    }

    #[test]
    fn steps_keep_the_order_in_which_they_are_given() {
        let steps = parse("--after 1 --say hello --dtmf 1#a --say again --play x.wav --after=0.5 --hangup");
        let expected = [
            Step::After(Duration::from_secs(1)),
            Step::Say("hello".into()),
            Step::Dtmf("1#A".into()),
            Step::Say("again".into()),
            Step::Play("x.wav".into()),
            Step::After(Duration::from_millis(500)),
            Step::Hangup,
        ];
        assert_eq!(steps.unwrap(), expected);
        assert_eq!(parse("").unwrap(), []);
    }

    #[test]
    fn what_no_phone_can_do_is_refused_with_a_remedy() {
        assert!(parse("--dtmf 1x").unwrap_err().contains("0-9 * # A-D"));
        assert!(parse("--after soon").unwrap_err().contains("such as 1.5"));
        assert!(parse("--after -1").is_err());
        assert!(parse("--hangup --say late").unwrap_err().contains("last step"));
    }
}
