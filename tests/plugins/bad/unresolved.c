/* Needs a function that nobody has: RTLD_NOW must find that out at load, not in the night. */
#include "least.h"
int nobody_has_this(void);
static ptrdiff_t on_data(void* self, ph_link link, const uint8_t* data, size_t n) {
  return nobody_has_this() + least_data(self, link, data, n);
}
const struct ph_plugin peerhold_plugin_1 = {
    PH_PLUGIN_INIT, .name = "unresolved", LEAST_WORDS, LEAST_CALLS, .on_data = on_data,
};
