/* What the test programs share: checks that end the program with the line that failed. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "apfs.h"

#define STR(text) (const uint8_t *)(text), strlen(text)

static apfs_error *err = NULL;

static void ensure(int holds, int line, const char *what) {
    if (!holds) {
        fprintf(stderr, "%s:%d: failed: %s\n", PROGRAM, line, what);
        exit(1);
    }
}

#define CHECK(condition) ensure((condition) != 0, __LINE__, #condition)

static void good(apfs_status status, int line) {
    if (status != APFS_STATUS_OK) {
        fprintf(stderr, "%s:%d: %s\n", PROGRAM, line, apfs_error_message(err));
        exit(1);
    }
}

#define GOOD(call) good(call, __LINE__)

/* The call fails with this status and a message that contains `words`. */
#define FAILS(wanted, words, call)                                                        \
    do {                                                                                  \
        apfs_status status = call;                                                        \
        ensure(status == (wanted), __LINE__, #call);                                       \
        ensure(strstr(apfs_error_message(err), words) != NULL, __LINE__, apfs_error_message(err)); \
        apfs_error_free(err);                                                             \
        err = NULL;                                                                       \
    } while (0)

static inline int is(apfs_bytes bytes, const char *text) {
    return bytes.len == strlen(text) && memcmp(bytes.data, text, bytes.len) == 0;
}
