/* Sleeps 20 ms in on_data. */
#include <time.h>

#include "least.h"

static ptrdiff_t on_data(void* self, ph_link link, const uint8_t* data, size_t n) {
  const struct timespec t = {0, 20 * 1000 * 1000};
  nanosleep(&t, NULL);
  return least_data(self, link, data, n);
}
const struct ph_plugin peerhold_plugin_1 = {
    PH_PLUGIN_INIT, .name = "blocks", LEAST_WORDS, LEAST_CALLS, .on_data = on_data,
};
