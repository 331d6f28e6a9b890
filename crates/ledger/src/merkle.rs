//! The Merkle tree of RFC 6962 over the leaves of the audit log.

use sha2::{Digest, Sha256};

/// A node of the tree.
pub type Hash = [u8; 32];

/// `SHA-256(0x00 || leaf)`.
#[must_use]
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    Sha256::new().chain_update([0]).chain_update(leaf).finalize().into()
}

fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new().chain_update([1]).chain_update(left).chain_update(right).finalize().into()
}

/// Folds leaf hashes into a root, one after another, in memory that grows with the logarithm of their number.
#[derive(Clone, Debug, Default)]
pub struct MerkleRoot {
    /// Roots of complete subtrees, largest first, with their heights.
    peaks: Vec<(u32, Hash)>,
}

impl MerkleRoot {
    /// Adds the next leaf's hash.
    pub fn push(&mut self, leaf: Hash) {
        let mut node = (0, leaf);
        while let Some((height, left)) = self.peaks.pop_if(|(height, _)| *height == node.0) {
            node = (height + 1, node_hash(&left, &node.1));
        }
        self.peaks.push(node);
    }

    /// The root of the tree so far (`MTH` of RFC 6962, section 2.1).
    #[must_use]
    pub fn root(&self) -> Hash {
        let mut peaks = self.peaks.iter().rev().map(|(_, hash)| *hash);
        match peaks.next() {
            None => Sha256::digest([]).into(),
            Some(last) => peaks.fold(last, |right, left| node_hash(&left, &right)),
        }
    }
}

/// The root over a list of leaf hashes.
#[must_use]
pub fn merkle_root(leaves: impl IntoIterator<Item = Hash>) -> Hash {
    let mut root = MerkleRoot::default();
    leaves.into_iter().for_each(|leaf| root.push(leaf));
    root.root()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Leaves and roots of the reference tests of Certificate Transparency.
    #[test]
    fn roots_agree_with_rfc_6962() {
        let leaves =
            ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        for (size, root) in roots.iter().enumerate() {
            let hashes = leaves[..size].iter().map(|leaf| leaf_hash(&hex::decode(leaf).unwrap()));
            assert_eq!(hex::encode(merkle_root(hashes)), *root, "{size} leaves");
        }
    }
}
