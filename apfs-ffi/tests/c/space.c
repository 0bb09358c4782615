/* Whose every block is: eight blocks of data, five of which a snapshot alone has; and a block that nobody has.
 * usage: space SPACE LEAKED */
#define PROGRAM "space.c"
#include "checks.h"

typedef struct {
    uint64_t blocks, end;
    int holds_250;
} Runs;

static int32_t add(void *context, const apfs_run *run) {
    Runs *runs = context;
    CHECK(run->error == NULL && run->count > 0 && run->start >= runs->end);
    runs->blocks += run->count;
    runs->end = run->start + run->count;
    runs->holds_250 |= run->start <= 250 && 250 < runs->end;
    return 0;
}

static int32_t stop(void *context, const apfs_run *run) {
    (void)context, (void)run;
    return 1;
}

static void account(const char *path, int leaks) {
    const apfs_disk *disk = NULL;
    const apfs_container *container = NULL;
    const apfs_volume *volume = NULL;
    const apfs_space *space = NULL;
    apfs_space_info info;
    size_t n = 0;
    GOOD(apfs_disk_open(path, NULL, &disk, &err));
    GOOD(apfs_container_open(disk, 0, NULL, &container, &err));
    apfs_disk_free(disk);
    GOOD(apfs_volume_open(container, 0, &volume, &err));
    GOOD(apfs_space_open(container, &space, &err));
    GOOD(apfs_space_get_info(space, &info, &err));
    CHECK(info.block_size == 4096 && info.blocks == 256 && info.unknown == 0 && info.sound == !leaks);
    CHECK(info.leaked == (uint64_t)leaks && info.claimed_twice + info.not_allocated + info.damaged == 0);
    CHECK(info.used_stored == info.used_counted && info.allocated == info.used_counted + (uint64_t)leaks);

    apfs_space_finding findings[2];
    GOOD(apfs_space_findings(space, 0, findings, 2, &n, &err));
    CHECK(n == (size_t)leaks && info.findings == n);
    if (leaks) CHECK(findings[0].kind == APFS_SPACE_FINDING_KIND_LEAKED && findings[0].start == 250 && findings[0].count == 1);

    apfs_space_owner owners[40];
    uint64_t sum = 0, data = 0;
    GOOD(apfs_space_owners(space, 0, owners, 40, &n, &err));
    for (size_t i = 0; i < n; i++) {
        sum += owners[i].blocks;
        if (is(owners[i].part, "data")) {
            CHECK(owners[i].volume == 0);
            data += owners[i].blocks;
        }
        if (is(owners[i].part, "block-zero")) CHECK(owners[i].volume == (size_t)-1 && owners[i].blocks == 1);
    }
    CHECK(sum == info.used_counted && data == 8);

    apfs_volume_space volumes[2];
    apfs_freed freed[2], again;
    GOOD(apfs_space_volumes(space, 0, volumes, 2, &n, &err));
    CHECK(n == 1 && is(volumes[0].name, "Space") && volumes[0].snapshots == 1);
    CHECK(volumes[0].data == 8 && volumes[0].data_kept == 5 && volumes[0].data_unshared == 3);
    CHECK(volumes[0].data_shared == 0 && volumes[0].alloc_stored == volumes[0].alloc_counted);
    GOOD(apfs_space_snapshots(space, 0, 0, freed, 2, &n, &err));
    CHECK(n == 1 && is(freed[0].name, "then") && freed[0].xid == 2 && freed[0].data == 5);
    GOOD(apfs_volume_freed_by_deleting(volume, 2, &again, &err));
    CHECK(again.data == 5 && again.metadata == freed[0].metadata && again.own == freed[0].own);
    FAILS(APFS_STATUS_NOT_FOUND, "transaction 9", apfs_volume_freed_by_deleting(volume, 9, &again, &err));
    FAILS(APFS_STATUS_NOT_FOUND, "volume 1", apfs_space_snapshots(space, 1, 0, freed, 2, &n, &err));

    Runs runs = {0, 0, 0};
    GOOD(apfs_container_allocated(container, APFS_DEVICE_MAIN, add, &runs, &err));
    CHECK(runs.blocks == info.allocated && runs.holds_250 == leaks);
    FAILS(APFS_STATUS_CANCELLED, "", apfs_container_allocated(container, APFS_DEVICE_MAIN, stop, NULL, &err));
    FAILS(APFS_STATUS_MISUSE, "device", apfs_container_allocated(container, 9, add, &runs, &err));
    apfs_space_free(space);
    apfs_volume_free(volume);
    apfs_container_free(container);
}

int main(int argc, char **argv) {
    CHECK(argc == 3);
    account(argv[1], 0);
    account(argv[2], 1);
    apfs_space_free(NULL);
    puts("ok");
    return 0;
}
