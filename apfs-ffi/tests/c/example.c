/* Lists the root of the first volume of an image, APFS or HFS+, and prints a file of it. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "apfs.h"

static int list(const apfs_view *view, apfs_error **err) {
    apfs_dir *dir;
    if (apfs_dir_open(view, apfs_view_root(view), &dir, err) != APFS_STATUS_OK)
        return 1;
    apfs_dir_entry entries[64];
    size_t n;
    apfs_status status;
    while ((status = apfs_dir_read(dir, entries, 64, &n, err)) == APFS_STATUS_OK && n > 0)
        for (size_t i = 0; i < n; i++)
            printf("%8" PRIu64 " %.*s\n", entries[i].id, (int)entries[i].name.len,
                   (const char *)entries[i].name.data);
    apfs_dir_free(dir);
    return status != APFS_STATUS_OK;
}

static int print(const apfs_view *view, const char *path, apfs_error **err) {
    uint64_t id, offset = 0;
    if (apfs_view_find(view, (const uint8_t *)path, strlen(path), 0, &id, err) != APFS_STATUS_OK)
        return 1;
    uint8_t buf[65536];
    size_t n;
    apfs_status status;
    while ((status = apfs_view_read(view, id, NULL, offset, buf, sizeof buf, &n, err)) == APFS_STATUS_OK
           && n > 0) {
        fwrite(buf, 1, n, stdout);
        offset += n;
    }
    return status != APFS_STATUS_OK;
}

int main(int argc, char **argv) {
    if (argc != 3)
        return fprintf(stderr, "usage: example IMAGE PATH\n"), 2;
    const apfs_disk *disk = NULL;
    const apfs_volume *volume = NULL;
    const apfs_view *view = NULL;
    apfs_error *err = NULL;

    int failed = apfs_disk_open(argv[1], NULL, &disk, &err) != APFS_STATUS_OK
        || apfs_volume_open_nth(disk, 0, &volume, &err) != APFS_STATUS_OK
        || apfs_view_open(volume, &view, &err) != APFS_STATUS_OK
        || list(view, &err)
        || print(view, argv[2], &err);
    if (failed)
        fprintf(stderr, "example: %s\n", apfs_error_message(err));
    apfs_error_free(err);
    apfs_view_free(view);
    apfs_volume_free(volume);
    apfs_disk_free(disk);
    return failed;
}
