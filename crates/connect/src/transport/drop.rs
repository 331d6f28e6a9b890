//! Files dropped into a folder: nothing is sent, the months' files are read as they are.

use std::io::ErrorKind;
use std::path::Path;

use super::MAX_BODY;
use crate::ask::{AskPeriod, Cause, Failure};
use crate::manifest::DropPlan;
use crate::reply::{Media, Part};
use crate::site::InstitutionSite;

pub(super) async fn ask(
    plan: &DropPlan,
    site: &InstitutionSite,
    period: Option<AskPeriod>,
) -> Result<Vec<Part>, Failure> {
    let folder = site.endpoint.strip_prefix("dir:").ok_or(Failure::new(Cause::NoEndpoint))?;
    let period = period.ok_or(Failure::new(Cause::Protocol))?;
    let folder = Path::new(folder);
    if !tokio::fs::metadata(folder).await.is_ok_and(|m| m.is_dir()) {
        return Err(Failure::new(Cause::Connect));
    }
    let mut parts = Vec::new();
    for month in period.months() {
        let yyyymm = format!("{:04}{:02}", month.year(), month.month());
        let path = folder.join(plan.file.replace("{yyyymm}", &yyyymm));
        match tokio::fs::metadata(&path).await {
            Ok(file) if file.len() > MAX_BODY as u64 => return Err(Failure::new(Cause::TooLarge)),
            Ok(_) => {}
            // A month that is not there is a gap, which parsing reports.
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(_) => return Err(Failure::new(Cause::Connect)),
        }
        let body = tokio::fs::read(&path).await.map_err(|_| Failure::new(Cause::Connect))?;
        parts.push(Part { name: month.to_string(), media: Media::Xlsx, status: None, body });
    }
    Ok(parts)
}
