//! Making a folder of tables as a whole or not at all.

use std::fs::File;
use std::io;
use std::path::Path;

/// Makes `folder` by `create` unless it is there: in a draft beside it, which gets its name when it is
/// complete. A process that is killed meanwhile leaves only a draft, which the next one drops: fjall
/// refuses a folder in which a table was being made.
///
/// # Errors
/// What `create` says, or the system.
pub fn create_folder<E: From<io::Error>>(
    folder: &Path,
    create: impl FnOnce(&Path) -> Result<(), E>,
) -> Result<(), E> {
    if folder.exists() {
        return Ok(());
    }
    let draft = folder.with_extension("draft");
    match std::fs::remove_dir_all(&draft) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error.into()),
        _ => {}
    }
    create(&draft)?;
    std::fs::rename(&draft, folder)?;
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        File::open(parent)?.sync_all()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_draft_is_never_taken_for_the_folder() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("tables");
        let killed = create_folder(&folder, |draft| {
            std::fs::create_dir(draft)?;
            std::fs::write(draft.join("half"), "a table")?;
            Err(io::Error::other("killed"))
        });
        assert!(killed.is_err() && !folder.exists());
        let make = |draft: &Path| std::fs::create_dir(draft);
        create_folder(&folder, make).unwrap();
        assert_eq!(std::fs::read_dir(&folder).unwrap().count(), 0, "nothing of the first attempt");
        create_folder(&folder, |_| -> io::Result<()> { panic!("it is there") }).unwrap();
    }
}
