//! What replays came to, kept in the data directory: the latest of each change.

use std::{
    collections::BTreeSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::Context;
use arc_analysis::replay::{Judgement, Proof};
use arc_model::{AgentName, NanoUsd, Timestamp, TraceId};

use super::plan::Target;
use crate::failure::Failure;

/// The file's name in the folder of replays.
const FILE: &str = "proofs.json";

/// What was asked in place of what.
pub(super) struct Models<'a> {
    /// The models that were recorded.
    pub(super) from: &'a BTreeSet<String>,
    /// Their price rows.
    pub(super) rows: &'a BTreeSet<String>,
    /// The price row of the model that was asked.
    pub(super) to_row: Option<&'a String>,
}

impl Models<'_> {
    /// Puts down what came of asking single calls.
    pub(super) fn proof(
        &self,
        agent: &AgentName,
        target: &Target,
        (at, spent): (Timestamp, NanoUsd),
        judgement: Judgement,
    ) -> Proof {
        Proof {
            agent: agent.clone(),
            from: self.from.iter().cloned().collect(),
            from_rows: self.rows.iter().cloned().collect(),
            to: target.model.clone(),
            to_row: self.to_row.cloned(),
            provider: target.provider.clone(),
            base_url: target.base.clone(),
            whole_runs: false,
            judge: None,
            prompt: target.system.as_ref().map(|system| TraceId::derive(&[system.as_bytes()]).to_string()),
            at,
            spent,
            judgement,
        }
    }
}

/// Returns every proof there is, the latest last; none where there is no file.
pub(super) fn read(folder: &Path) -> Result<Vec<Proof>, Failure> {
    let path = folder.join(FILE);
    if !path.is_file() {
        return Ok(Vec::new());
    }
    let bytes = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    Ok(serde_json::from_slice(&bytes).with_context(|| format!("read {}", path.display()))?)
}

/// Keeps a proof in place of an earlier one of the same change. A crash leaves the old file or the new one.
pub(super) fn keep(folder: &Path, proof: &Proof) -> Result<(), Failure> {
    let lock = fs::File::create(folder.join("proofs.lock")).and_then(|file| file.lock().map(|()| file));
    let _held = lock.with_context(|| format!("lock {}", folder.display()))?;
    let mut proofs = read(folder)?;
    proofs.retain(|known| !known.is_about_the_same(proof));
    proofs.push(proof.clone());
    let path = folder.join(FILE);
    let written = write(&path, &proofs);
    Ok(written.with_context(|| format!("write {}", path.display()))?)
}

fn write(path: &Path, proofs: &[Proof]) -> anyhow::Result<()> {
    let beside = PathBuf::from(format!("{}.{}.new", path.display(), std::process::id()));
    let mut file = fs::File::create(&beside)?;
    file.write_all(&serde_json::to_vec_pretty(proofs)?)?;
    file.sync_all()?;
    fs::rename(&beside, path)?;
    Ok(())
}
