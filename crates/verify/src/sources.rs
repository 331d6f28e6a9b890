//! The sources under the limits of the site file as it is now.
//!
//! A source is lent out by reference for as long as a workspace is open, so what one site file said is kept when the next
//! one comes. A site file changes a few times in the life of a process, and only sources whose limits it touches are
//! copied.

use std::sync::{Arc, OnceLock};

use hedui_connect::{Registry, Site};

/// The sources as manifests have them, and as each site file there was wants them.
pub(crate) struct LiveSources {
    manifests: Registry,
    first: Layer,
}

/// The sources under one site file, and under the one that came after it.
struct Layer {
    site: Arc<Site>,
    sources: Registry,
    next: OnceLock<Box<Self>>,
}

impl Layer {
    fn new(manifests: &Registry, site: &Arc<Site>) -> Self {
        Self { site: Arc::clone(site), sources: manifests.under(site), next: OnceLock::new() }
    }
}

impl LiveSources {
    pub(crate) fn new(manifests: Registry, site: &Arc<Site>) -> Self {
        Self { first: Layer::new(&manifests, site), manifests }
    }

    /// The sources under a site file.
    pub(crate) fn under(&self, site: &Arc<Site>) -> &Registry {
        let mut last = &self.first;
        loop {
            while let Some(next) = last.next.get() {
                last = next;
            }
            if Arc::ptr_eq(&last.site, site) {
                return &last.sources;
            }
            // Whoever comes second finds the other's layer and looks again.
            last.next.get_or_init(|| Box::new(Layer::new(&self.manifests, site)));
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that meets an error has failed")]
mod tests {
    use super::*;
    use hedui_base::SourceText;

    #[test]
    fn a_site_file_that_changes_changes_the_limits_and_what_was_lent_out_stays() {
        let site = |text: &str| Arc::new(Site::parse(&SourceText::new("site.toml", text)).unwrap());
        let none = Arc::new(Site::default());
        let manifests = Registry::embedded(&hedui_connect::catalogue(), None).registry;
        let sources = LiveSources::new(manifests, &none);
        let first = sources.under(&none).get("police.hukou").unwrap();
        let few = site("[police]\nendpoint = \"http://127.0.0.1:1\"\ndaily = 7\n");
        let under = sources.under(&few);
        assert_eq!(under.get("police.hukou").unwrap().manifest.limits.daily, Some(7));
        assert!(std::ptr::eq(under, sources.under(&few)), "the same file, the same sources");
        assert!(Arc::ptr_eq(under.get("water.use").unwrap(), sources.under(&none).get("water.use").unwrap()));
        assert_ne!(first.manifest.limits.daily, Some(7));
        let back = site("[police]\nendpoint = \"http://127.0.0.1:1\"\n");
        assert_eq!(
            sources.under(&back).get("police.hukou").unwrap().manifest.limits.daily,
            first.manifest.limits.daily
        );
    }
}
