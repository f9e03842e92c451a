//! The program itself, on files. `UPDATE_GOLDEN=1` writes what is expected anew.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const TRACE: [&str; 4] = ["--trace", "tests/golden/morning.csv", "--policy", "tests/golden/thrifty.yaml"];

fn todoapp(program: impl AsRef<Path>, args: &[&str]) -> Output {
    let directory = env!("CARGO_MANIFEST_DIR");
    Command::new(program.as_ref()).args(args).current_dir(directory).output().expect("the program runs")
}

fn replay(args: &[&str]) -> (Option<i32>, String, String) {
    let output = todoapp(env!("CARGO_BIN_EXE_todoapp"), &[&["replay"], args].concat());
    let [told, error] = [output.stdout, output.stderr].map(|text| String::from_utf8(text).expect("text"));
    (output.status.code(), told, error)
}

fn file(name: &str, text: &str) -> String {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).expect("written");
    path.display().to_string()
}

fn assert_golden(name: &str, got: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        fs::write(&path, got).expect("written");
    }
    let expected = fs::read_to_string(&path).expect("what is expected");
    assert!(got == expected, "{name} is not as expected, but:\n{got}");
}

#[test]
fn two_policies_are_compared_in_figures_and_in_a_drawing() {
    let drawing = file("morning.svg", "");
    let rest = ["--against", "tests/golden/warm.yaml", "--svg", &drawing];
    let (code, told, error) = replay(&[&TRACE[..], &rest].concat());
    assert_eq!((code, &*error), (Some(0), ""));
    assert_golden("morning.txt", &told);
    assert_golden("morning.svg", &fs::read_to_string(drawing).expect("a drawing"));
}

#[test]
fn the_seed_moves_arrivals_and_nothing_else() {
    let told = |seed| replay(&[&TRACE[..], &["--seed", seed]].concat()).1;
    assert_eq!(told("7"), told("7"));
    assert_ne!(told("7"), told("8"));
}

#[test]
fn what_is_wrong_is_named_by_file_and_ends_with_exit_code_2() {
    let policy = file("wrong.yaml", "max: 0\n");
    let schedules = file(
        "schedules.yaml",
        "schedules: [{ start: '08:00', end: '18:00', min: 1 }]
",
    );
    let unseen = file(
        "unseen.yaml",
        "metric: CPU
",
    );
    let trace = file(
        "wrong.csv",
        "minute,requests
0,some
",
    );
    for (flag, value, expected) in [
        ("--policy", &*policy, "wrong.yaml: max is 0: must be from 1 to 1000"),
        ("--against", &*schedules, "schedules.yaml: schedules is set: a trace has no time of day; leave them out"),
        ("--against", &*unseen, "unseen.yaml: metric is CPU: must be Concurrency or RequestRate, for a trace"),
        ("--trace", &*trace, "wrong.csv: line 2: requests is `some`: must be a whole number"),
        ("--against", "nothing.yaml", "nothing.yaml: No such file"),
        ("--service-ms", "0", "invalid value '0' for '--service-ms"),
    ] {
        let mut args = vec![flag, value];
        let pairs = TRACE.chunks(2).filter(|pair| pair[0] != flag);
        args.extend(pairs.flatten());
        let (code, told, error) = replay(&args);
        assert!(code == Some(2) && told.is_empty() && error.contains(expected), "{code:?} {told} {error}");
    }
}

#[test]
fn a_drawing_that_cannot_be_written_ends_with_exit_code_1() {
    let (code, _, error) = replay(&[&TRACE[..], &["--svg", "no/such/place.svg"]].concat());
    assert!(code == Some(1) && error.contains("no/such/place.svg: "), "{code:?} {error}");
}

#[test]
fn it_is_a_plugin_of_kubectl_under_its_name() {
    let link = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("kubectl-todoapp");
    let _ = fs::remove_file(&link);
    symlink(env!("CARGO_BIN_EXE_todoapp"), &link).expect("linked");
    let help = String::from_utf8(todoapp(&link, &["explain", "--help"]).stdout).expect("text");
    assert!(help.contains("Usage: kubectl todoapp explain [OPTIONS] <APP>"), "{help}");
}
