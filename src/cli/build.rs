//! What this program is: the texts that tell its version.

/// What this program was built from and by.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Build {
    /// Version number.
    pub version: &'static str,
    /// Short git revision, when it was built from a checkout.
    pub revision: Option<&'static str>,
    /// `release` or `debug`.
    pub build_type: &'static str,
    /// The compiler's name.
    pub compiler: &'static str,
    /// The compiler's version number.
    pub compiler_version: &'static str,
    /// `64-bit` or `32-bit`.
    pub arch: &'static str,
}

/// Optional parts and whether they are in.
const FEATURES: [(&str, bool); 4] = [("pam", false), ("ldap", false), ("systemd", false), ("prom", false)];

impl Build {
    /// This program.
    pub const fn current() -> Build {
        let revision = env!("ODYSSEY_GIT_REVISION");
        Build {
            version: env!("CARGO_PKG_VERSION"),
            revision: if revision.is_empty() { None } else { Some(revision) },
            build_type: env!("ODYSSEY_BUILD_TYPE"),
            compiler: "rustc",
            compiler_version: env!("ODYSSEY_COMPILER_VERSION"),
            arch: if cfg!(target_pointer_width = "64") { "64-bit" } else { "32-bit" },
        }
    }

    /// `0.1.0-abcdef1`, or `0.1.0` without a revision.
    pub fn number(&self) -> String {
        match self.revision {
            Some(revision) => format!("{}-{revision}", self.version),
            None => self.version.to_owned(),
        }
    }

    /// `0.1.0 (git abcdef1)`, or `0.1.0` without a revision.
    pub fn number_with_git(&self) -> String {
        match self.revision {
            Some(revision) => format!("{} (git {revision})", self.version),
            None => self.version.to_owned(),
        }
    }

    /// The answer to `--version`: two lines.
    pub fn version_text(&self) -> String {
        let Build { compiler, compiler_version, arch, .. } = self;
        let number = self.number_with_git();
        format!("odyssey {number} {}\ncompiled by {compiler}-{compiler_version}, {arch}\n", self.features())
    }

    /// The log line at start.
    pub fn start_line(&self) -> String {
        let git = self.revision.map(|revision| format!(" (git: {revision})")).unwrap_or_default();
        format!("odyssey {}{git} {}", self.version, self.features())
    }

    /// The answer to SHOW VERSION.
    pub fn console_text(&self) -> String {
        let Build { build_type, compiler, compiler_version, arch, .. } = self;
        let number = self.number_with_git();
        format!("odyssey {number} {build_type}, compiled by {compiler}-{compiler_version}, {arch}")
    }

    /// `release +pam -ldap ...`
    fn features(&self) -> String {
        let sign = |has| if has { '+' } else { '-' };
        let features = FEATURES.iter().map(|(name, has)| format!(" {}{name}", sign(*has)));
        features.fold(self.build_type.to_owned(), |text, feature| text + &feature)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_texts() {
        let build = Build {
            version: "1.2.3",
            revision: Some("abcdef1"),
            build_type: "release",
            compiler: "rustc",
            compiler_version: "1.95.0",
            arch: "64-bit",
        };
        let archive = Build { revision: None, ..build };
        let cases = [
            (
                build.version_text(),
                "odyssey 1.2.3 (git abcdef1) release -pam -ldap -systemd -prom\ncompiled by rustc-1.95.0, 64-bit\n",
            ),
            (
                archive.version_text().lines().next().unwrap().into(),
                "odyssey 1.2.3 release -pam -ldap -systemd -prom",
            ),
            (build.start_line(), "odyssey 1.2.3 (git: abcdef1) release -pam -ldap -systemd -prom"),
            (build.console_text(), "odyssey 1.2.3 (git abcdef1) release, compiled by rustc-1.95.0, 64-bit"),
            (archive.console_text(), "odyssey 1.2.3 release, compiled by rustc-1.95.0, 64-bit"),
            (build.number(), "1.2.3-abcdef1"),
            (archive.number(), "1.2.3"),
        ];
        for (text, want) in cases {
            assert_eq!(text, want);
        }
    }

    #[test]
    fn this_program_knows_itself() {
        let build = Build::current();
        assert!(!build.version.is_empty());
        assert!(["release", "debug"].contains(&build.build_type), "{}", build.build_type);
        assert!(build.compiler_version.contains('.'), "{}", build.compiler_version);
    }
}
