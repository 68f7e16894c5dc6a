// Clocks that a test sets: preloaded into the program under test. The file $TEST_CLOCK holds the
// wall clock's offset in seconds, whether it is synchronised, and how many seconds have passed
// unnoticed ("0.5 1 0": CLOCK_MONOTONIC; it must never fall); it is read at every look, so that a
// test can step the clocks of one process and of nobody else. Nothing here allocates: an allocator
// under a sanitizer asks for the time.
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/timex.h>
#include <time.h>
#include <unistd.h>

static void look(double* offset, int* synchronised, double* passed) {
  *offset = *passed = 0;
  *synchronised = 0;
  const char* path = getenv("TEST_CLOCK");
  const long fd = path ? syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC) : -1;
  if (fd < 0) return;
  char text[80];
  const long n = syscall(SYS_read, fd, text, sizeof text - 1);
  syscall(SYS_close, fd);
  if (n <= 0) return;
  text[n] = 0;
  char* at = text;
  *offset = strtod(at, &at);
  *synchronised = (int)strtol(at, &at, 10);
  *passed = strtod(at, &at);
}

int clock_gettime(clockid_t id, struct timespec* out) {
  const int status = (int)syscall(SYS_clock_gettime, id, out);
  if (status != 0 || (id != CLOCK_REALTIME && id != CLOCK_MONOTONIC)) return status;
  double offset, passed;
  int synchronised;
  look(&offset, &synchronised, &passed);
  if (id == CLOCK_MONOTONIC) offset = passed;
  const long long ns =
      (long long)out->tv_sec * 1000000000LL + out->tv_nsec + (long long)(offset * 1e9);
  out->tv_sec = (time_t)(ns / 1000000000LL);
  out->tv_nsec = (long)(ns % 1000000000LL);
  return 0;
}

int adjtimex(struct timex* out) {
  double offset, passed;
  int synchronised;
  look(&offset, &synchronised, &passed);
  memset(out, 0, sizeof *out);
  if (!synchronised) out->status = STA_UNSYNC;
  return synchronised ? TIME_OK : TIME_ERROR;
}
