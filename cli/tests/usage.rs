//! The program itself: what it prints and its exit codes, as far as there is no cluster.

use std::path::PathBuf;
use std::process::{Command, Output};

fn todoapp(args: &[&str]) -> (Option<i32>, String, String) {
    // Nothing listens on port 1.
    let kubeconfig = file(
        "nobody.yaml",
        "{apiVersion: v1, kind: Config, current-context: a, contexts: [{name: a, context: {cluster: a, user: a}}], \
         users: [{name: a, user: {}}], clusters: [{name: a, cluster: {server: 'http://127.0.0.1:1'}}]}\n",
    );
    let program = env!("CARGO_BIN_EXE_todoapp");
    let output = Command::new(program).args(args).env("KUBECONFIG", kubeconfig).output().expect("the program runs");
    let Output { status, stdout, stderr } = output;
    let [told, error] = [stdout, stderr].map(|text| String::from_utf8(text).expect("text"));
    (status.code(), told, error)
}

fn file(name: &str, text: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    std::fs::write(&path, text).expect("written");
    path
}

#[test]
fn help_names_every_verb_and_the_exit_codes() {
    let (code, told, _) = todoapp(&["--help"]);
    assert_eq!(code, Some(0));
    let verbs = "get traffic promote abort pause resume wake logs apply check explain replay completion";
    for verb in verbs.split(' ') {
        assert!(told.contains(&format!("\n  {verb}")), "{verb}: {told}");
    }
    let codes = "Exit codes: 0 done, 1 failed or `check` found an error, 2 wrong arguments or files, 3 what was named is \
                 not there, 4 not so within the time";
    assert!(told.contains(codes), "{told}");
}

#[test]
fn wrong_arguments_and_files_end_with_2_and_a_cluster_that_is_away_with_1() {
    for (args, code, expected) in [
        (vec!["traffic", "user", "user-v1=50"], 2, "todoapp: the shares together are 50: they must be 100\n"),
        (vec!["get", "--kubeconfig", "nothing.yaml"], 2, "todoapp: --kubeconfig nothing.yaml: "),
        (vec!["get", "--context", "b"], 2, "todoapp: --context b: "),
        (vec!["apply", "-f", "nothing.yaml"], 2, "todoapp: nothing.yaml: No such file"),
        (vec!["completion", "ksh"], 2, "error: invalid value 'ksh'"),
        (vec!["get"], 1, "todoapp: cannot list `todoapps.todoapp.dev`: "),
    ] {
        let (got, told, error) = todoapp(&args);
        assert!(got == Some(code) && told.is_empty() && error.starts_with(expected), "{args:?}: {got:?} {error}");
    }
}

#[test]
fn a_check_of_a_cluster_that_is_away_is_an_answer() {
    let (code, told, error) = todoapp(&["check"]);
    assert!(code == Some(1) && told.contains("× T001 the API server does not say its version"), "{told} {error}");
}

#[test]
fn completion_is_a_script_for_the_shell() {
    let (code, told, _) = todoapp(&["completion", "bash"]);
    assert!(code == Some(0) && told.contains("complete -F _todoapp"), "{told}");
}
