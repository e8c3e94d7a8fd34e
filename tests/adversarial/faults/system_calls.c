/* The n-th system call on a file below a folder fails, or ends the process; loaded into it with LD_PRELOAD.
 *
 * So SQLite, Python and filesync meet the system's own errors wherever they may come, and not only where a test thought
 * of them. Calls are counted only while armed. What struck is written to `diary`, with the system's own write.
 */

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

static long strike_number, counted;
static int problem, is_lasting, diary = -1;
static char folder[4096];

/* Let call `number` fail with `error`, a negative one kill; `lasting`: all after it fail as well. 0 disarms. */
long arm(long number, int error, int lasting, const char *below, int notes)
{
    long before = __atomic_exchange_n(&counted, 0, __ATOMIC_SEQ_CST);
    problem = error;
    is_lasting = lasting;
    diary = notes;
    snprintf(folder, sizeof folder, "%s/", below);
    __atomic_store_n(&strike_number, number, __ATOMIC_SEQ_CST);
    return before;
}

static int strikes(const char *call, const char *path)
{
    long number;
    char line[4200];
    if (!strike_number || strncmp(path, folder, strlen(folder)))
        return 0;
    number = __atomic_add_fetch(&counted, 1, __ATOMIC_SEQ_CST);
    if (number < strike_number || (number > strike_number && !is_lasting))
        return 0;
    if (number == strike_number) {
        int length = snprintf(line, sizeof line, "%s %s\n", call, path + strlen(folder));
        syscall(SYS_write, diary, line, length);
    }
    if (problem < 0) {
        kill(getpid(), SIGKILL);
        for (;;)
            pause();
    }
    errno = problem;
    return 1;
}

static int strikes_open(const char *call, int fd)
{
    char link[64], path[4096];
    ssize_t length;
    int kept = errno;
    if (!strike_number)
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    length = readlink(link, path, sizeof path - 1);
    errno = kept;
    if (length < 0)
        return 0;
    path[length] = 0;
    return strikes(call, path);
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define BY_NUMBER(type, name, parameters, arguments)                                                                   \
    type name parameters                                                                                               \
    {                                                                                                                  \
        static __typeof__(&name) real;                                                                                 \
        if (!real)                                                                                                     \
            real = REAL(name);                                                                                         \
        return strikes_open(#name, fd) ? -1 : real arguments;                                                          \
    }

#define BY_PATH(type, name, parameters, arguments)                                                                     \
    type name parameters                                                                                               \
    {                                                                                                                  \
        static __typeof__(&name) real;                                                                                 \
        if (!real)                                                                                                     \
            real = REAL(name);                                                                                         \
        return strikes(#name, path) ? -1 : real arguments;                                                             \
    }

BY_NUMBER(ssize_t, write, (int fd, const void *bytes, size_t size), (fd, bytes, size))
BY_NUMBER(ssize_t, pwrite, (int fd, const void *bytes, size_t size, off_t at), (fd, bytes, size, at))
BY_NUMBER(ssize_t, pwrite64, (int fd, const void *bytes, size_t size, off64_t at), (fd, bytes, size, at))
BY_NUMBER(ssize_t, read, (int fd, void *bytes, size_t size), (fd, bytes, size))
BY_NUMBER(ssize_t, pread, (int fd, void *bytes, size_t size, off_t at), (fd, bytes, size, at))
BY_NUMBER(ssize_t, pread64, (int fd, void *bytes, size_t size, off64_t at), (fd, bytes, size, at))
BY_NUMBER(int, fsync, (int fd), (fd))
BY_NUMBER(int, fdatasync, (int fd), (fd))
BY_NUMBER(int, ftruncate, (int fd, off_t size), (fd, size))
BY_NUMBER(int, ftruncate64, (int fd, off64_t size), (fd, size))
BY_NUMBER(int, flock, (int fd, int operation), (fd, operation))
BY_PATH(int, unlink, (const char *path), (path))
BY_PATH(int, mkdir, (const char *path, mode_t mode), (path, mode))
BY_PATH(int, rename, (const char *path, const char *to), (path, to))

#define OPENING(name)                                                                                                  \
    int name(const char *path, int flags, ...)                                                                         \
    {                                                                                                                  \
        static __typeof__(&name) real;                                                                                 \
        va_list more;                                                                                                  \
        mode_t mode;                                                                                                   \
        va_start(more, flags);                                                                                         \
        mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;                                               \
        va_end(more);                                                                                                  \
        if (!real)                                                                                                     \
            real = REAL(name);                                                                                         \
        return strikes(#name, path) ? -1 : real(path, flags, mode);                                                    \
    }

OPENING(open)
OPENING(open64)
