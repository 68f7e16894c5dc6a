/* Of a time when the descriptor ended before `pick` and an option before its last member. What
 * stands behind those ends is not theirs, and must not be read. */
#include "least.h"

struct old_option {
  const char *name, *help, *default_value;
  const char* const* choices;
  int64_t min, max;
  uint32_t type, flags;
  const struct ph_option* fields;
  uint32_t n_fields, item_type;
};
static const struct {
  struct old_option o[2];
} options = {{
    {.name = "first", .help = "1.", .default_value = "1", .type = PH_INT},
    {.name = "second", .help = "2.", .default_value = "2", .type = PH_INT},
}};
static int trap(const struct ph_host* host, const ph_config* const* s, size_t n, const uint8_t* d,
                size_t len, uint8_t reply[64], size_t* used) {
  (void)host, (void)s, (void)n, (void)d, (void)len, (void)reply, (void)used;
  __builtin_trap();
}
const struct ph_plugin peerhold_plugin_1 = {
    .struct_size = offsetof(struct ph_plugin, pick),
    .option_size = sizeof(struct old_option),
    .abi_major = 1,
    .name = "older",
    LEAST_WORDS,
    LEAST_CALLS,
    .options = (const struct ph_option*)(const void*)options.o,
    .n_options = 2,
    .on_data = least_data,
    .pick = trap,
    .default_dscp = 9999,
};
