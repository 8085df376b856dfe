//! Hashes of ids, for filters.

use reenact_core::InstanceId;

/// The hash of an id: FNV-1a (64 bit) of its bytes, with its bits mixed. Stable for ever; not
/// related to an id's shard, although that begins the same.
pub(crate) fn hash(instance: &InstanceId) -> u64 {
    let mut hash = 0xcbf2_9ce4_8422_2325_u64;
    for byte in instance.as_str().bytes() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_of_an_id_never_changes() {
        let hash = |id: &str| hash(&InstanceId::new(id).unwrap());
        assert_eq!(
            [hash("order-1"), hash("é")],
            [5_267_876_955_464_718_757, 11_337_192_735_045_482_043]
        );
    }
}
