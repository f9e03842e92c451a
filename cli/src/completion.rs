//! `todoapp completion`: words for a shell's tab key.

use clap::CommandFactory;
use clap_complete::generate;

use crate::args::{Cli, Shell};

/// The script that makes a shell know the words.
pub fn script(shell: Shell) -> Vec<u8> {
    let shell = match shell {
        Shell::Bash => clap_complete::Shell::Bash,
        Shell::Zsh => clap_complete::Shell::Zsh,
        Shell::Fish => clap_complete::Shell::Fish,
    };
    let mut script = Vec::new();
    generate(shell, &mut Cli::command(), "todoapp", &mut script);
    script
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shell_is_told_every_verb_and_its_flags() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = String::from_utf8(script(shell)).expect("text");
            for word in ["promote", "completion", "system-namespace", "no-wait"] {
                assert!(script.contains(word), "{shell:?}: {word}");
            }
        }
    }
}
