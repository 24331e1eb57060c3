/* A wall clock of its own for a program and all that it starts, loaded by LD_PRELOAD: the real one and an offset.
 *
 * The file that $PROOF_CLOCK names holds the offset, in seconds, as a 64-bit integer, and may change at any time. As
 * when a real clock is set, the monotonic clock goes on, and whoever waits for a time of day waits until this clock
 * shows it. (libfaketime would do, but 0.9.10 breaks sleeping by the monotonic clock, which is how Python sleeps.)
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <semaphore.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int64_t no_offset;
static const volatile int64_t *offset = &no_offset;

__attribute__((constructor)) static void open_offset(void) {
    const char *path = getenv("PROOF_CLOCK");
    int file = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return;
    void *mapped = mmap(NULL, sizeof(int64_t), PROT_READ, MAP_SHARED, file, 0);
    if (mapped != MAP_FAILED) offset = mapped;
    close(file);
}

int clock_gettime(clockid_t clock, struct timespec *now) {
    int failed = (int)syscall(SYS_clock_gettime, clock, now);
    if (!failed && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) now->tv_sec += *offset;
    return failed;
}

int gettimeofday(struct timeval *restrict now, void *restrict zone) {
    struct timespec read;
    (void)zone;
    int failed = clock_gettime(CLOCK_REALTIME, &read);
    if (!failed) *now = (struct timeval){read.tv_sec, read.tv_nsec / 1000};
    return failed;
}

time_t time(time_t *kept) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (kept) *kept = now.tv_sec;
    return now.tv_sec;
}

static int is_over(const struct timespec *end) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec > end->tv_sec || (now.tv_sec == end->tv_sec && now.tv_nsec >= end->tv_nsec);
}

int sem_timedwait(sem_t *restrict semaphore, const struct timespec *restrict end) {
    const long step_nanoseconds = 5 * 1000 * 1000;
    while (!is_over(end)) {
        struct timespec until;
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_nsec += step_nanoseconds;
        if (until.tv_nsec >= 1000000000) until.tv_sec++, until.tv_nsec -= 1000000000;
        if (sem_clockwait(semaphore, CLOCK_MONOTONIC, &until) == 0) return 0;
        if (errno != ETIMEDOUT) return -1;
    }
    errno = ETIMEDOUT;
    return -1;
}
