/* Seals that hold, that say they are broken, and that do not hold: images of tests/support/apfs_images.rs.
 * usage: seal SEALED BROKEN CHANGED_DATA CHANGED_NODE UNSEALED */
#define PROGRAM "seal.c"
#include "checks.h"

static const apfs_view *open_view(const char *path) {
    const apfs_disk *disk = NULL;
    const apfs_volume *volume = NULL;
    const apfs_view *view = NULL;
    GOOD(apfs_disk_open(path, NULL, &disk, &err));
    GOOD(apfs_volume_open_nth(disk, 0, &volume, &err));
    GOOD(apfs_view_open(volume, &view, &err));
    apfs_volume_free(volume);
    apfs_disk_free(disk);
    return view;
}

static const apfs_seal_check *verify(const char *path, size_t threads, apfs_seal_result *result) {
    const apfs_view *view = open_view(path);
    const apfs_seal_check *check = NULL;
    GOOD(apfs_seal_check_open(view, threads, &check, &err));
    apfs_view_free(view);
    GOOD(apfs_seal_check_get(check, result, &err));
    return check;
}

static void sound(const char *path, const char *broken) {
    apfs_seal_result one, many;
    apfs_seal_check_free(verify(path, 1, &one));
    apfs_seal_check_free(verify(path, 5, &many));
    CHECK(one.verdict == APFS_SEAL_VERDICT_INTACT && many.verdict == APFS_SEAL_VERDICT_INTACT);
    CHECK(one.nodes == many.nodes && one.files == many.files && one.pieces == many.pieces);
    CHECK(one.bytes == many.bytes && one.broken_xid == 0);
    /* 30 files in /etc, 9 others; hard links count once. */
    CHECK(one.files == 39 && one.nodes > 10 && one.pieces > 39 && one.bytes > 300000);
    CHECK(one.recorded_findings + one.node_findings + one.file_findings + one.more_findings == 0);
    apfs_seal_check_free(verify(broken, 0, &one));
    CHECK(one.verdict == APFS_SEAL_VERDICT_BROKEN && one.broken_xid == 1 && one.files == many.files);

    const apfs_view *view = open_view(path);
    apfs_seal seal;
    GOOD(apfs_view_get_seal(view, &seal, &err));
    CHECK(seal.version == 2 && seal.flags == 0 && seal.hash_type == 1 && seal.root_hash_len == 32);
    CHECK(seal.broken_xid == 0 && seal.block > 0 && seal.root_hash[32] == 0);
    apfs_view_free(view);
}

static void changed_data(const char *path) {
    apfs_seal_result result;
    const apfs_seal_check *check = verify(path, 2, &result);
    apfs_sealed_file files[2];
    size_t n = 0;
    CHECK(result.verdict == APFS_SEAL_VERDICT_MISMATCH && result.node_findings == 0);
    GOOD(apfs_seal_check_files(check, 0, files, 2, &n, &err));
    /* The clone has the same blocks. */
    CHECK(n == result.file_findings && n == 2);
    CHECK(is(files[0].path, "/bin/plain") && is(files[1].path, "/usr/clone"));
    for (size_t i = 0; i < n; i++) {
        CHECK(files[i].offset == 4096 && apfs_error_status(files[i].error) == APFS_STATUS_CORRUPT);
        CHECK(strlen(apfs_error_message(files[i].error)) > 0);
    }
    apfs_seal_check_free(check);
}

static void changed_node(const char *path) {
    apfs_seal_result result;
    const apfs_seal_check *check = verify(path, 2, &result);
    apfs_sealed_node node;
    const apfs_error *recorded;
    size_t n = 0;
    CHECK(result.verdict == APFS_SEAL_VERDICT_MISMATCH && result.node_findings == 1);
    GOOD(apfs_seal_check_nodes(check, 0, &node, 1, &n, &err));
    CHECK(n == 1 && node.level == 0 && node.block > 0 && node.first_id < node.end_id);
    CHECK(apfs_error_damage(node.error) != 0);
    GOOD(apfs_seal_check_nodes(check, 1, &node, 1, &n, &err));
    CHECK(n == 0);
    GOOD(apfs_seal_check_recorded(check, 0, &recorded, 1, &n, &err));
    CHECK(n == 0);
    apfs_seal_check_free(check);
}

int main(int argc, char **argv) {
    CHECK(argc == 6);
    sound(argv[1], argv[2]);
    changed_data(argv[3]);
    changed_node(argv[4]);
    const apfs_view *view = open_view(argv[5]);
    const apfs_seal_check *check = NULL;
    apfs_seal seal;
    FAILS(APFS_STATUS_NOT_FOUND, "seal of volume", apfs_view_get_seal(view, &seal, &err));
    FAILS(APFS_STATUS_NOT_FOUND, "seal of volume", apfs_seal_check_open(view, 1, &check, &err));
    CHECK(check == NULL);
    apfs_view_free(view);
    apfs_seal_check_free(NULL);
    puts("ok");
    return 0;
}
