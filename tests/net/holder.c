/* A plugin for a test: it is established as soon as the peer has said anything, holds seven routes
 * for an app that is away, and does what operators say. */
#include <peerhold/plugin.h>
#include <stdio.h>
#include <stdlib.h>

struct holder {
  const struct ph_host* host;
  ph_instance* me;
  int64_t held, ms;
  bool established;
};

static int holder_open(const struct ph_host* host, ph_instance* me, const struct ph_open* how,
                       void** self) {
  (void)how;
  struct holder* h = calloc(1, sizeof *h);
  if (!h) return PH_ENOMEM;
  h->host = host;
  h->me = me;
  h->held = 7;
  h->ms = 120000;
  *self = h;
  return PH_OK;
}

static void holder_close(void* self) {
  free(self);
}

static int holder_up(void* self, ph_link link, const struct ph_link_info* info) {
  struct holder* h = self;
  (void)info;
  if (link == PH_PEER) {
    h->established = false;
    h->host->user_timeout(h->me, link, 9000);
    h->host->send(h->me, link, "x", 1);
  }
  return PH_OK;
}

static ptrdiff_t holder_data(void* self, ph_link from, const uint8_t* data, size_t n) {
  struct holder* h = self;
  (void)data;
  if (from == PH_PEER && !h->established) {
    h->established = true;
    h->host->established(h->me);
  }
  return (ptrdiff_t)n;
}

static ptrdiff_t holder_status(void* self, char* buf, size_t cap) {
  const struct holder* h = self;
  return snprintf(buf, cap, "{\"ago\": %lld}",
                  (long long)h->host->setting(h->me, PH_SET_ESTABLISHED_AGO_MS));
}

static int holder_report(void* self, struct ph_report* out) {
  const struct holder* h = self;
  out->held = h->held;
  if (h->held > 0) out->hold_left_ms = h->ms;
  return PH_OK;
}

static int holder_command(void* self, const struct ph_command* c) {
  struct holder* h = self;
  if (c->what == PH_CMD_HOLD) {
    h->ms = c->ms;
    snprintf(c->reply, c->reply_size, "holds for %llds", (long long)(c->ms / 1000));
    return PH_OK;
  }
  if (c->what != PH_CMD_RELEASE) return PH_ENOTSUP;
  if (h->held == 0) {
    snprintf(c->reply, c->reply_size, "nothing is held");
    return PH_EINVAL;
  }
  h->held = 0;
  return PH_OK;
}

const struct ph_plugin peerhold_plugin_1 = {
    PH_PLUGIN_INIT,
    .name = "holder",
    .version = "1",
    .summary = "Holds seven routes.",
    .licence = "MIT",
    .flags = PH_PERSISTENT | PH_HANDSHAKE,
    .open = holder_open,
    .close = holder_close,
    .on_up = holder_up,
    .on_data = holder_data,
    .status = holder_status,
    .report = holder_report,
    .command = holder_command,
};
