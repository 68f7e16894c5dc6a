/* The least that loads: what the bad plugins begin with, each to spoil one thing. */
#ifndef LEAST_H
#define LEAST_H
#include <peerhold/plugin.h>

static int least_open(const struct ph_host* host, ph_instance* me, const struct ph_open* how,
                      void** self) {
  (void)host, (void)me, (void)how;
  *self = NULL;
  return PH_OK;
}
static void least_close(void* self) {
  (void)self;
}
static inline ptrdiff_t least_data(void* self, ph_link link, const uint8_t* data, size_t n) {
  (void)self, (void)link, (void)data;
  return (ptrdiff_t)n;
}
#define LEAST_WORDS .version = "1", .summary = "For a test.", .licence = "MIT"
#define LEAST_CALLS .flags = PH_PERSISTENT, .open = least_open, .close = least_close
#endif
