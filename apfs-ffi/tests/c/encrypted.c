/* Opens an encrypted image: without a password, with a wrong one, with the right one.
 * usage: encrypted IMAGE PASSWORD WHERE, with WHERE = image (a disk image is encrypted) or volume (an APFS volume) */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "apfs.h"

static void check(int holds, int line, const char *what) {
    if (!holds) {
        fprintf(stderr, "encrypted.c:%d: failed: %s\n", line, what);
        exit(1);
    }
}

#define CHECK(condition) check((condition) != 0, __LINE__, #condition)

static void good(apfs_status status, apfs_error *err, int line) {
    if (status != APFS_STATUS_OK) {
        fprintf(stderr, "encrypted.c:%d: %s\n", line, apfs_error_message(err));
        exit(1);
    }
}

#define GOOD(call) good(call, err, __LINE__)

#define WRONG "Tr0ub4dor"

/* The call fails because something is locked for this reason, and the message does not repeat what was tried. */
static void locked(apfs_status status, apfs_error *err, apfs_lock_reason reason, int line) {
    check(status == APFS_STATUS_LOCKED, line, "locked");
    check(apfs_error_lock_reason(err) == reason, line, apfs_error_message(err));
    check(strstr(apfs_error_message(err), WRONG) == NULL, line, "the message shows no password");
    apfs_error_free(err);
}

#define LOCKED(reason, call)                                                                        \
    do {                                                                                            \
        apfs_status status = call;                                                                  \
        locked(status, err, reason, __LINE__);                                                      \
        err = NULL;                                                                                 \
    } while (0)

static const apfs_volume *first_volume(const apfs_disk *disk) {
    apfs_error *err = NULL;
    const apfs_container *container = NULL;
    const apfs_volume *volume = NULL;
    size_t partition = 0;
    GOOD(apfs_disk_first_apfs(disk, &partition, &err));
    GOOD(apfs_container_open(disk, partition, NULL, &container, &err));
    GOOD(apfs_volume_open(container, 0, &volume, &err));
    apfs_container_free(container);
    return volume;
}

/* The root can be listed. */
static void list(const apfs_volume *volume) {
    apfs_error *err = NULL;
    const apfs_view *view = NULL;
    apfs_dir *dir = NULL;
    apfs_dir_entry entry;
    size_t n = 0;
    GOOD(apfs_view_open(volume, &view, &err));
    GOOD(apfs_dir_open(view, apfs_view_root(view), &dir, &err));
    GOOD(apfs_dir_read(dir, &entry, 1, &n, &err));
    apfs_dir_free(dir);
    apfs_view_free(view);
}

/* Id of the first snapshot, zeros if there is none or it has none. */
static void snapshot_id(const apfs_volume *volume, uint8_t id[16]) {
    apfs_error *err = NULL;
    apfs_snapshot snapshot;
    size_t n = 0;
    memset(id, 0, 16);
    GOOD(apfs_volume_snapshots(volume, 0, &snapshot, 1, &n, &err));
    if (n == 1)
        memcpy(id, snapshot.uuid, 16);
}

int main(int argc, char **argv) {
    CHECK(argc == 4);
    const char *password = argv[2];
    int image = strcmp(argv[3], "image") == 0;
    apfs_error *err = NULL;
    const apfs_disk *disk = NULL;
    const apfs_volume *volume = NULL;
    const apfs_view *view = NULL;
    apfs_volume_info info;
    uint8_t id[16], unlocked_id[16];
    apfs_secret secrets[2] = {
        {APFS_SECRET_PASSWORD, (const uint8_t *)WRONG, strlen(WRONG)},
        {APFS_SECRET_PASSWORD, (const uint8_t *)password, strlen(password)},
    };
    apfs_options options = apfs_options_default();
    options.secrets = secrets;

    if (image) {
        LOCKED(APFS_LOCK_REASON_NEEDS_SECRET, apfs_disk_open(argv[1], NULL, &disk, &err));
        options.secret_count = 1;
        LOCKED(APFS_LOCK_REASON_WRONG_SECRET, apfs_disk_open(argv[1], &options, &disk, &err));
    } else {
        apfs_protection protection;
        apfs_unlock_record record;
        size_t n = 0;
        GOOD(apfs_disk_open(argv[1], NULL, &disk, &err));
        volume = first_volume(disk);
        GOOD(apfs_volume_get_protection(volume, &protection, &err));
        CHECK(protection.encryption == APFS_ENCRYPTION_VOLUME_KEY && protection.records > 0);
        GOOD(apfs_volume_unlock_records(volume, 0, &record, 1, &n, &err));
        CHECK(n == 1 && record.kind_text.len > 0);
        CHECK(record.flags & APFS_UNLOCK_TAKES_PASSWORD && record.rounds > 0);
        LOCKED(APFS_LOCK_REASON_NEEDS_SECRET, apfs_view_open(volume, &view, &err));
        LOCKED(APFS_LOCK_REASON_WRONG_SECRET, apfs_volume_unlock(volume, &secrets[0], &err));
        GOOD(apfs_volume_get_info(volume, &info, &err));
        CHECK(info.flags & APFS_VOLUME_LOCKED);
        snapshot_id(volume, id);
        GOOD(apfs_volume_unlock(volume, &secrets[1], &err));
        GOOD(apfs_volume_get_info(volume, &info, &err));
        CHECK(info.flags & APFS_VOLUME_ENCRYPTED && !(info.flags & APFS_VOLUME_LOCKED));
        list(volume);
        snapshot_id(volume, unlocked_id);
        apfs_volume_free(volume);
        apfs_disk_free(disk);
    }

    /* All secrets at once, among them the right one. */
    options.secret_count = 2;
    GOOD(apfs_disk_open(argv[1], &options, &disk, &err));
    apfs_layer layer;
    size_t n = 0;
    GOOD(apfs_disk_layers(disk, 0, &layer, 1, &n, &err));
    CHECK((n == 1) == image);
    volume = first_volume(disk);
    list(volume);
    snapshot_id(volume, id);
    CHECK(image || memcmp(id, unlocked_id, 16) == 0);
    apfs_volume_free(volume);
    apfs_disk_free(disk);
    puts("ok");
    return 0;
}
