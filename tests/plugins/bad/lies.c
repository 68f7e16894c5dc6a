/* Answers what the interface does not allow. The first byte that on_data is given says which lie.
 */
#include <string.h>

#include "least.h"

static ptrdiff_t on_data(void* self, ph_link link, const uint8_t* data, size_t n) {
  (void)self, (void)link;
  switch (data[0]) {
    case 0:
      return (ptrdiff_t)n;
    case 1:
      return (ptrdiff_t)n + 1;
    case 2:
      return PTRDIFF_MAX;
    case 3:
      return -1000;
    case 4:
      return PTRDIFF_MIN;
    default:
      return PH_EPROTO;
  }
}
static int on_up(void* self, ph_link link, const struct ph_link_info* info) {
  (void)self, (void)info;
  return link == 7 ? 7 : PH_OK;
}
static int reload(void* self, const ph_config* config) {
  (void)self, (void)config;
  return -4000;
}
static int calls;
static ptrdiff_t status(void* self, char* buf, size_t cap) {
  (void)self;
  static const char* const nonsense[] = {"[1]", "{\"a\": ", "{\"a\": \"\xff\"}", ""};
  const int call = calls++;
  if (call == 4) return PTRDIFF_MAX;
  if (call > 4) return (ptrdiff_t)cap + 1; /* never enough */
  const size_t n = strlen(nonsense[call]);
  memcpy(buf, nonsense[call], n);
  return (ptrdiff_t)n;
}
const struct ph_plugin peerhold_plugin_1 = {
    PH_PLUGIN_INIT,   .name = "lies", LEAST_WORDS,        LEAST_CALLS,
    .reload = reload, .on_up = on_up, .on_data = on_data, .status = status,
};
