//! How many core instances, memories and tables a component makes: what a pool
//! has places for. Told from the bytes, so that a refusal costs no compilation.

use wasmparser::{Encoding, Instance, Parser, Payload, Result};

use crate::limits::Limits;

/// What a component takes of a pool.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Size {
    pub core_instances: usize,
    pub memories: usize,
    pub tables: usize,
}

/// A component that is being read, and the modules that it defines.
#[derive(Default)]
struct Level {
    component: bool,
    modules: Vec<Size>,
    own: Size,
}

impl Size {
    /// Counts every instantiation of a module that a component defines; the
    /// components inside of it are taken to be instantiated once each.
    pub fn read(code: &[u8]) -> Result<Self> {
        let mut levels: Vec<Level> = Vec::new();
        let mut all = Self::default();
        for payload in Parser::new(0).parse_all(code) {
            match payload? {
                Payload::Version { encoding, .. } => {
                    levels.push(Level { component: encoding == Encoding::Component, ..Level::default() });
                }
                Payload::MemorySection(section) => {
                    if let Some(level) = levels.last_mut() {
                        level.own.memories += section.count() as usize;
                    }
                }
                Payload::TableSection(section) => {
                    if let Some(level) = levels.last_mut() {
                        level.own.tables += section.count() as usize;
                    }
                }
                Payload::InstanceSection(section) => {
                    for instance in section {
                        let Instance::Instantiate { module_index, .. } = instance? else { continue };
                        let level = levels.last();
                        let module = level.and_then(|it| it.modules.get(module_index as usize)).copied();
                        let module = module.unwrap_or_default();
                        all.core_instances += 1;
                        all.memories += module.memories;
                        all.tables += module.tables;
                    }
                }
                Payload::End(_) => {
                    if let (Some(ended), Some(outer)) = (levels.pop(), levels.last_mut())
                        && !ended.component
                    {
                        outer.modules.push(ended.own);
                    }
                }
                _ => {}
            }
        }
        Ok(all)
    }

    /// What of it is more than a sandbox has places for, in words.
    pub fn excess(&self, limits: &Limits) -> Option<String> {
        let counts = [
            (self.core_instances, limits.core_instances, "core instances"),
            (self.memories, limits.memories, "memories"),
            (self.tables, limits.tables, "tables"),
        ];
        let (count, most, what) = counts.into_iter().find(|(count, most, _)| count > most)?;
        Some(format!("{count} {what}, and a sandbox has places for {most}"))
    }
}

#[cfg(test)]
mod tests {
    use super::Size;
    use crate::limits::Limits;

    /// A component with one module of a memory and a table, and so many
    /// instances of it.
    fn component(instances: u8) -> Vec<u8> {
        let module = b"\0asm\x01\0\0\0\x04\x04\x01\x70\x00\x01\x05\x03\x01\x00\x01";
        let mut code = b"\0asm\x0d\0\x01\0".to_vec();
        code.extend([1, u8::try_from(module.len()).unwrap()]);
        code.extend(module);
        // Each instance: instantiate (0), module 0, no arguments.
        code.extend([2, 1 + instances * 3, instances]);
        code.extend([0, 0, 0].repeat(usize::from(instances)));
        code
    }

    #[test]
    fn each_instance_takes_the_memories_and_tables_of_its_module() {
        let size = Size::read(&component(3)).unwrap();
        assert_eq!(size, Size { core_instances: 3, memories: 3, tables: 3 });
        assert_eq!(size.excess(&Limits::default()), None);
    }

    #[test]
    fn what_a_sandbox_has_no_place_for_is_named() {
        let size = Size::read(&component(5)).unwrap();
        insta::assert_snapshot!(
            size.excess(&Limits::default()).unwrap(),
            @"5 memories, and a sandbox has places for 4"
        );
    }
}
