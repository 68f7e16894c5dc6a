/* Of a time to come: every struct has grown at its end. */
#include "least.h"

struct new_option {
  struct ph_option known;
  int64_t colour[3];
};
static const struct new_option options[] = {
    {{.name = "first", .help = "1.", .default_value = "1", .type = PH_INT}, {-1, -1, -1}},
    {{.name = "second", .help = "2.", .default_value = "2", .type = PH_INT}, {-1, -1, -1}},
};
struct new_metric {
  struct ph_metric known;
  void* more;
};
static const struct new_metric metrics[] = {{{.name = "one", .help = "1."}, &least_open},
                                            {{.name = "two", .help = "2."}, &least_open}};
struct new_plugin {
  struct ph_plugin known;
  void (*on_monday)(void);
  uint64_t more[8];
};
extern __attribute__((visibility("default")))
const struct new_plugin grown __asm__("peerhold_plugin_1");
const struct new_plugin grown = {
    {.struct_size = sizeof(struct new_plugin),
     .option_size = sizeof(struct new_option),
     .metric_size = sizeof(struct new_metric),
     .abi_major = 1,
     .abi_minor = 7,
     .name = "newer",
     LEAST_WORDS,
     LEAST_CALLS,
     .options = (const struct ph_option*)(const void*)options,
     .n_options = 2,
     .metrics = (const struct ph_metric*)(const void*)metrics,
     .n_metrics = 2,
     .on_data = least_data},
    .more = {~UINT64_C(0)},
};
