use std::ops::Range;
use std::sync::Arc;

use hedui_base::{Diagnostic, SourceText};

/// A place in a file.
#[derive(Clone, Debug)]
pub struct Spot {
    /// The file.
    pub file: Arc<SourceText>,
    /// Bytes in it.
    pub span: Range<usize>,
}

/// A value and where it is written.
#[derive(Clone, Debug)]
pub struct Spotted<T> {
    /// The value.
    pub value: T,
    /// Where.
    pub spot: Spot,
}

impl Spot {
    /// Line, from 1.
    #[must_use]
    pub fn line(&self) -> usize {
        self.file.line_column(self.span.start).0
    }

    /// An error here.
    pub(crate) fn error(&self, code: &'static str, message: impl Into<String>, label: impl Into<String>) -> Diagnostic {
        Diagnostic::error(code, message).at(&self.file, self.span.clone(), label)
    }

    /// A warning here.
    pub(crate) fn warning(
        &self,
        code: &'static str,
        message: impl Into<String>,
        label: impl Into<String>,
    ) -> Diagnostic {
        Diagnostic::warning(code, message).at(&self.file, self.span.clone(), label)
    }
}

/// Adds places to a diagnostic.
pub(crate) trait Also {
    /// A further place.
    fn also(self, spot: &Spot, label: impl Into<String>) -> Self;
}

impl Also for Diagnostic {
    fn also(self, spot: &Spot, label: impl Into<String>) -> Self {
        self.at(&spot.file, spot.span.clone(), label)
    }
}
