/* Built against the header as it was at 1.0; must load for ever. Everything that a 1.0 plugin could
 * declare is declared, so that a layout that has moved shows. */
#include "plugin.h"

static const char* const words[] = {"one", "two", NULL};
static const struct ph_option route[] = {
    {.name = "to", .help = "Where.", .type = PH_ENDPOINT, .flags = PH_OPT_REQUIRED},
    {.name = "names",
     .help = "Which.",
     .default_value = "[]",
     .type = PH_LIST,
     .item_type = PH_STRING},
};
static const struct ph_option options[] = {
    {.name = "flag", .help = "1.", .default_value = "true", .type = PH_BOOL},
    {.name = "number",
     .help = "2.",
     .default_value = "5",
     .min = 1,
     .max = 9,
     .type = PH_INT,
     .flags = PH_OPT_LIVE},
    {.name = "time", .help = "3.", .default_value = "\"90s\"", .type = PH_DURATION_MS},
    {.name = "size", .help = "4.", .default_value = "\"64KiB\"", .type = PH_BYTES},
    {.name = "which",
     .help = "5.",
     .default_value = "\"two\"",
     .choices = words,
     .type = PH_CHOICE},
    {.name = "route", .help = "6.", .type = PH_TABLES, .fields = route, .n_fields = 2},
};
static const struct ph_metric metrics[] = {
    {.name = "a", .help = "A."}, {.name = "b", .help = "B.", .label = "kind", .gauge = 1}};

struct state {
  const struct ph_host* host;
  ph_instance* me;
  int64_t number;
};
static struct state only;

static int frozen_open(const struct ph_host* host, ph_instance* me, const struct ph_open* how,
                       void** self) {
  only.host = host;
  only.me = me;
  only.number = host->opt_int(how->config, 1);
  *self = &only;
  return how->instances == 3 && how->persistent && how->active && !how->passive ? PH_OK : PH_EINVAL;
}
static void frozen_close(void* self) {
  (void)self;
}
static int frozen_up(void* self, ph_link link, const struct ph_link_info* info) {
  (void)self;
  return link == PH_PEER && info->flags == PH_LINK_OUTGOING && info->remote.port == 179 ? PH_OK
                                                                                        : PH_EINVAL;
}
static ptrdiff_t frozen_data(void* self, ph_link link, const uint8_t* data, size_t n) {
  const struct state* s = self;
  return s->host->send(s->me, link, data, n);
}
static void frozen_down(void* self, ph_link link, const struct ph_down* why) {
  const struct state* s = self;
  if (why->cause == PH_HOLD_EXPIRED && why->unsent == 11) s->host->close(s->me, link, true);
}
static ptrdiff_t frozen_status(void* self, char* buf, size_t cap) {
  const struct state* s = self;
  if (cap < 8) return 8;
  for (int i = 0; i < 8; i++) buf[i] = "{\"n\": 5}"[i];
  if (s->number != 5) buf[6] = '0';
  return 8;
}
const struct ph_plugin peerhold_plugin_1 = {
    PH_PLUGIN_INIT,         .name = "frozen",
    .version = "1.0",       .summary = "Of 1.0.",
    .licence = "MIT",       .options = options,
    .n_options = 6,         .metrics = metrics,
    .n_metrics = 2,         .flags = PH_PERSISTENT | PH_PER_CLIENT | PH_HANDSHAKE | PH_APP_OPTIONAL,
    .max_frame = 4096,      .default_port = 179,
    .open = frozen_open,    .close = frozen_close,
    .on_up = frozen_up,     .on_data = frozen_data,
    .on_down = frozen_down, .status = frozen_status,
    .default_dscp = 48,
};
