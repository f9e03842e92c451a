//! Writes the CRDs, generated from the types, into the folder that is given.

use std::{env, fs, path::PathBuf};

use api::{Revision, TodoApp};
use kube::CustomResourceExt;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = PathBuf::from(env::args_os().nth(1).ok_or("usage: crdgen FOLDER")?);
    fs::create_dir_all(&folder)?;
    for crd in [TodoApp::crd(), Revision::crd()] {
        let file = folder.join(format!("{}.yaml", crd.metadata.name.as_deref().unwrap_or_default()));
        fs::write(&file, serde_saphyr::to_string(&crd)?)?;
    }
    Ok(())
}
