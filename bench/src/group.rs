//! A control group for one process, to measure it as a kubelet does: its own memory, and the kernel's for its sockets.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// A memory group; its folder goes when this is dropped and its processes have ended.
#[derive(Debug)]
pub struct Group {
    folder: PathBuf,
}

/// Bytes of a group.
#[derive(Debug, Clone, Copy, Default)]
pub struct Usage {
    /// What `kubectl top` shows: all but pages of files that nobody has used of late.
    pub working_set: u64,
    /// The kernel's part of it: sockets, descriptors, page tables.
    pub kernel: u64,
}

impl Group {
    /// An empty group below the root of the hierarchy, under cgroup v1 or v2. Needs root.
    ///
    /// # Errors
    /// The hierarchy is not there or may not be written to.
    pub fn new(name: &str) -> Result<Self> {
        let v1 = Path::new("/sys/fs/cgroup/memory");
        let root = if v1.is_dir() { v1 } else { Path::new("/sys/fs/cgroup") };
        let folder = root.join(format!("{name}-{}", std::process::id()));
        fs::create_dir(&folder).with_context(|| format!("making the control group {}", folder.display()))?;
        Ok(Self { folder })
    }

    /// Its folder.
    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// What it takes now.
    ///
    /// # Errors
    /// The kernel does not account for memory.
    pub fn usage(&self) -> Result<Usage> {
        let v1 = self.folder.join("memory.usage_in_bytes").exists();
        let stat = self.read("memory.stat")?;
        let of = |field: &str| stat.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(' ')?.parse().ok());
        let (all, kernel, inactive) = if v1 {
            let kernel = self.number("memory.kmem.usage_in_bytes")?;
            (self.number("memory.usage_in_bytes")?, kernel, of("total_inactive_file"))
        } else {
            (self.number("memory.current")?, of("kernel").context("kernel in memory.stat")?, of("inactive_file"))
        };
        Ok(Usage { working_set: all.saturating_sub(inactive.context("inactive_file in memory.stat")?), kernel })
    }

    fn number(&self, file: &str) -> Result<u64> {
        self.read(file)?.trim().parse().with_context(|| format!("{file} of a control group"))
    }

    fn read(&self, file: &str) -> Result<String> {
        fs::read_to_string(self.folder.join(file)).with_context(|| format!("{file} of a control group"))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A killed process leaves its group a moment after it was waited for.
        for _ in 0..100 {
            if fs::remove_dir(&self.folder).is_ok() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}
