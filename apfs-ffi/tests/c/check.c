/* Checks of sound and damaged volumes of both kinds, and of one that has to be unlocked.
 * usage: check LEAKED LOCKED MIXED DAMAGED PASSWORD */
#define PROGRAM "check.c"
#include "checks.h"

typedef struct {
    size_t seen, most;
    char codes[64][8];
    apfs_check_finding last;
} Seen;

static int32_t note(void *context, const apfs_check_finding *finding) {
    Seen *seen = context;
    CHECK(finding->code.len < sizeof seen->codes[0] && finding->message.len > 0 && finding->structure.len > 0);
    if (seen->seen < 64) {
        memcpy(seen->codes[seen->seen], finding->code.data, finding->code.len);
        seen->codes[seen->seen][finding->code.len] = 0;
    }
    seen->last = *finding;
    seen->seen++;
    return seen->most != 0 && seen->seen >= seen->most;
}

static const apfs_disk *open_disk(const char *path) {
    const apfs_disk *disk = NULL;
    GOOD(apfs_disk_open(path, NULL, &disk, &err));
    return disk;
}

/* One block in use that nobody has: the bitmap says so, and a count that does not follow it. */
static void leaked(const char *path) {
    const apfs_disk *disk = open_disk(path);
    const apfs_container *container = NULL;
    const apfs_volume *volume = NULL;
    const apfs_summary *summary = NULL;
    apfs_check_options options = {APFS_CHECK_SNAPSHOTS, 0};
    apfs_tally tally;
    GOOD(apfs_container_open(disk, 0, NULL, &container, &err));
    GOOD(apfs_volume_open(container, 0, &volume, &err));
    for (int way = 0; way < 3; way++) {
        Seen seen = {0};
        if (way == 0) GOOD(apfs_disk_check(disk, &options, note, &seen, &summary, &err));
        if (way == 1) GOOD(apfs_container_check(container, NULL, note, &seen, &summary, &err));
        if (way == 2) GOOD(apfs_volume_check(volume, NULL, note, &seen, &summary, &err));
        CHECK(seen.seen == 2);
        size_t leak = strcmp(seen.codes[0], "A0607") == 0 ? 0 : 1;
        CHECK(strcmp(seen.codes[leak], "A0607") == 0 && strcmp(seen.codes[1 - leak], "A0604") == 0);
        CHECK(seen.last.partition == 0 && seen.last.volume == (size_t)-1);
        CHECK(seen.last.known & APFS_PLACE_BLOCK && !(seen.last.known & APFS_PLACE_CNID));
        GOOD(apfs_summary_get(summary, &tally, &err));
        CHECK(tally.errors == 1 && tally.warnings == 1 && tally.notes == 0 && tally.unchecked == 0);
        apfs_count counts[16];
        size_t n = 0;
        GOOD(apfs_summary_codes(summary, 0, counts, 16, &n, &err));
        CHECK(n == 2 && is(counts[0].what, "A0604") && is(counts[1].what, "A0607") && counts[1].count == 1);
        GOOD(apfs_summary_checked(summary, 0, counts, 16, &n, &err));
        size_t volumes = 0;
        for (size_t i = 0; i < n; i++) volumes += is(counts[i].what, "volumes") ? counts[i].count : 0;
        CHECK(volumes == 1);
        apfs_summary_free(summary);
        summary = NULL;
    }
    /* The function ends the check. */
    Seen seen = {.most = 1};
    FAILS(APFS_STATUS_CANCELLED, "", apfs_disk_check(disk, NULL, note, &seen, &summary, &err));
    CHECK(seen.seen == 1 && summary == NULL);
    options.flags = 8;
    FAILS(APFS_STATUS_MISUSE, "flag", apfs_disk_check(disk, &options, note, &seen, &summary, &err));
    FAILS(APFS_STATUS_MISUSE, "finding", apfs_disk_check(disk, NULL, NULL, NULL, &summary, &err));
    apfs_volume_free(volume);
    apfs_container_free(container);
    apfs_disk_free(disk);
}

/* A locked volume is said not to be checked; unlocked, it is. */
static void locked(const char *path, const char *password) {
    const apfs_disk *disk = open_disk(path);
    const apfs_container *container = NULL;
    const apfs_volume *volume = NULL;
    const apfs_summary *summary = NULL;
    apfs_secret secret = {APFS_SECRET_PASSWORD, STR(password)};
    apfs_tally tally;
    apfs_unchecked unchecked;
    size_t n = 0;
    Seen seen = {0};
    GOOD(apfs_container_open(disk, 0, NULL, &container, &err));
    GOOD(apfs_container_check(container, NULL, note, &seen, &summary, &err));
    GOOD(apfs_summary_get(summary, &tally, &err));
    CHECK(tally.errors == 0 && tally.unchecked > 0);
    GOOD(apfs_summary_unchecked(summary, 0, &unchecked, 1, &n, &err));
    CHECK(n == 1 && unchecked.what.len > 0 && memcmp(unchecked.why.data, "locked", 6) == 0);
    apfs_summary_free(summary);
    GOOD(apfs_volume_open(container, 0, &volume, &err));
    GOOD(apfs_volume_unlock(volume, &secret, &err));
    apfs_volume_free(volume);
    GOOD(apfs_container_check(container, NULL, note, &seen, &summary, &err));
    GOOD(apfs_summary_get(summary, &tally, &err));
    CHECK(tally.errors == 0 && tally.unchecked == 0);
    apfs_summary_free(summary);
    apfs_container_free(container);
    apfs_disk_free(disk);
}

static void hfs(const char *mixed, const char *damaged) {
    const apfs_disk *disk = open_disk(mixed);
    const apfs_volume *volume = NULL;
    const apfs_summary *summary = NULL;
    apfs_tally tally;
    Seen seen = {0};
    GOOD(apfs_disk_check(disk, NULL, note, &seen, &summary, &err));
    GOOD(apfs_summary_get(summary, &tally, &err));
    CHECK(tally.errors == 0 && tally.unchecked == 0);
    apfs_summary_free(summary);
    apfs_disk_free(disk);

    disk = open_disk(damaged);
    GOOD(apfs_volume_open_nth(disk, 0, &volume, &err));
    apfs_disk_free(disk);
    memset(&seen, 0, sizeof seen);
    GOOD(apfs_volume_check(volume, NULL, note, &seen, &summary, &err));
    GOOD(apfs_summary_get(summary, &tally, &err));
    CHECK(tally.errors >= 1 && tally.unchecked > 0 && seen.seen >= 1);
    CHECK(seen.last.known & APFS_PLACE_NODE && seen.last.cnid == 4 && seen.last.severity == APFS_SEVERITY_ERROR);
    apfs_summary_free(summary);
    apfs_volume_free(volume);
}

static void rules(void) {
    apfs_rule rule;
    size_t n = 0, all = 0, leaked = 0;
    for (; apfs_rules(all, &rule, 1, &n, &err) == APFS_STATUS_OK && n == 1; all++)
        leaked += is(rule.code, "A0607") && is(rule.name, "leaked") && rule.severity == APFS_SEVERITY_WARNING;
    CHECK(all > 100 && leaked == 1 && rule.text.len > 0 && rule.group.len > 0);
}

int main(int argc, char **argv) {
    CHECK(argc == 6);
    leaked(argv[1]);
    locked(argv[2], argv[5]);
    hfs(argv[3], argv[4]);
    rules();
    apfs_summary_free(NULL);
    puts("ok");
    return 0;
}
