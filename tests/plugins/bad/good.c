/* The control: nothing is wrong with it. It refuses options "a" above 5 in check(). */
#include "least.h"

static const struct ph_option options[] = {
    {.name = "a", .help = "A number.", .default_value = "1", .type = PH_INT},
    {.name = "b", .help = "Text.", .type = PH_STRING},
};
static int check(const struct ph_host* host, const struct ph_open* how) {
  if (host->send != NULL || how->config == NULL) return PH_EINVAL;
  if (host->opt_int(how->config, 0) == 9) return PH_EINVAL; /* without a word */
  if (host->opt_int(how->config, 0) > 5) host->complain(how->config, 0, "is above 5");
  if (how->app_listens && host->opt_count(how->config, 1))
    host->complain(how->config, 1, "needs an app to connect to");
  return PH_OK;
}
static int pick(const struct ph_host* host, const ph_config* const* sessions, size_t n,
                const uint8_t* data, size_t len, uint8_t reply[64], size_t* reply_len) {
  if (len == 0) return PH_EAGAIN;
  for (size_t i = 0; i < n; i++)
    if (host->opt_int(sessions[i], 0) == data[0]) return (int)i;
  if (data[0] == 200) return 77; /* no such session */
  reply[0] = 42;
  *reply_len = data[0] == 201 ? 65 : 1;
  return PH_EPROTO;
}
static ptrdiff_t status(void* self, char* buf, size_t cap) {
  (void)self;
  if (cap < 6000) return 6000; /* asks for more room than is offered first */
  for (int i = 0; i < 6000; i++) buf[i] = ' ';
  buf[0] = '{';
  buf[5999] = '}';
  return 6000;
}
static const struct ph_metric metrics[] = {{.name = "things", .help = "Things."}};

const struct ph_plugin peerhold_plugin_1 = {
    PH_PLUGIN_INIT,      .name = "good",     LEAST_WORDS,        LEAST_CALLS,
    .options = options,  .n_options = 2,     .metrics = metrics, .n_metrics = 1,
    .default_port = 179, .default_dscp = 48, .check = check,     .on_data = least_data,
    .status = status,    .pick = pick,
};
