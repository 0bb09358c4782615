/* A Fusion pair of tests/support/fusion.rs: both devices, given in either order, and the main one alone.
 * usage: fusion MAIN TIER2 */
#define PROGRAM "fusion.c"
#include "checks.h"

static uint8_t pattern(size_t seed, size_t n) {
    return (uint8_t)(n * 7 + n / 251 + seed * 31);
}

static const apfs_disk *open_pair(const char *path, const char *other) {
    const apfs_disk *disk = NULL, *second = NULL;
    apfs_options options = apfs_options_default();
    if (other != NULL) GOOD(apfs_disk_open(other, NULL, &second, &err));
    options.tier2 = second;
    GOOD(apfs_disk_open(path, &options, &disk, &err));
    apfs_disk_free(second);
    return disk;
}

static const apfs_view *open_view(const apfs_disk *disk, apfs_fusion *fusion) {
    const apfs_container *container = NULL;
    const apfs_volume *volume = NULL;
    const apfs_view *view = NULL;
    GOOD(apfs_container_open(disk, 0, NULL, &container, &err));
    GOOD(apfs_container_get_fusion(container, fusion, &err));
    GOOD(apfs_volume_open(container, 0, &volume, &err));
    GOOD(apfs_view_open(volume, &view, &err));
    apfs_volume_free(volume);
    apfs_container_free(container);
    return view;
}

static apfs_status read_all(const apfs_view *view, const char *path, size_t len, size_t seed) {
    uint64_t id = 0;
    size_t n = 0;
    GOOD(apfs_view_find(view, STR(path), 0, &id, &err));
    uint8_t *bytes = malloc(len);
    apfs_status status = apfs_view_read(view, id, NULL, 0, bytes, len, &n, NULL);
    if (status == APFS_STATUS_OK) {
        CHECK(n == len);
        for (size_t i = 0; i < len; i++) CHECK(bytes[i] == pattern(seed, i));
    }
    free(bytes);
    return status;
}

int main(int argc, char **argv) {
    CHECK(argc == 3);
    apfs_fusion fusion;
    const apfs_disk *disk = open_pair(argv[1], argv[2]);
    const apfs_view *view = open_view(disk, &fusion);
    CHECK(fusion.tier2_len > 0 && fusion.findings == 0 && fusion.main_blocks > 0 && fusion.tier2_blocks > 0);
    CHECK(memcmp(fusion.main_uuid, fusion.tier2_uuid, 16) != 0);
    CHECK(read_all(view, "/main", 30000, 1) == APFS_STATUS_OK);
    CHECK(read_all(view, "/slow", 50000, 2) == APFS_STATUS_OK);
    CHECK(read_all(view, "/dirty", 40 * 4096, 5) == APFS_STATUS_OK);
    CHECK(read_all(view, "/layers", 40 * 4096, 8) == APFS_STATUS_OK);
    apfs_view_free(view);
    apfs_disk_free(disk);

    /* Without the other half, what is on the main one can be read. */
    disk = open_pair(argv[1], NULL);
    view = open_view(disk, &fusion);
    CHECK(fusion.tier2_len == 0 && fusion.findings > 0);
    CHECK(read_all(view, "/main", 30000, 1) == APFS_STATUS_OK);
    CHECK(read_all(view, "/slow", 50000, 2) != APFS_STATUS_OK);
    apfs_view_free(view);

    /* A disk that is no other half is refused. */
    apfs_options options = apfs_options_default();
    const apfs_disk *joined = NULL;
    options.tier2 = disk;
    apfs_status status = apfs_disk_open(argv[1], &options, &joined, &err);
    CHECK(status != APFS_STATUS_OK && joined == NULL && strlen(apfs_error_message(err)) > 0);
    apfs_error_free(err);
    apfs_disk_free(disk);
    puts("ok");
    return 0;
}
