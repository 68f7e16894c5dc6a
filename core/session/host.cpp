// The host table: what plugins call. Nothing here calls back into a plugin (rule 2 of plugin.h);
// each function finds the conversation behind the handle and asks it.
#include <algorithm>
#include <cstring>

#include "session/session.hpp"

namespace peerhold {
namespace {

Conversation& of(ph_instance* handle) {
  return *static_cast<Conversation*>(handle);
}

bool bad_bytes(const void* data, std::size_t n) {
  return data == nullptr && n > 0;
}

std::ptrdiff_t send(ph_instance* h, ph_link link, const void* data, std::size_t n) {
  if (bad_bytes(data, n)) return PH_EINVAL;
  return of(h).send(link, {static_cast<const std::uint8_t*>(data), n}, false);
}

std::ptrdiff_t send_whole(ph_instance* h, ph_link link, const void* data, std::size_t n) {
  if (bad_bytes(data, n)) return PH_EINVAL;
  return of(h).send(link, {static_cast<const std::uint8_t*>(data), n}, true);
}

int send_eof(ph_instance* h, ph_link link) {
  return of(h).send_eof(link);
}
int close(ph_instance* h, ph_link link, bool abort) {
  return of(h).close(link, abort);
}
int read_pause(ph_instance* h, ph_link link, bool pause) {
  return of(h).read_pause(link, pause);
}

int dial(ph_instance* h, const char* endpoint, std::uint32_t flags, ph_link* out) {
  return of(h).dial(endpoint, flags, out);
}

int splice(ph_instance* h, ph_link a, ph_link b, std::uint32_t flags) {
  return of(h).splice(a, b, flags);
}

int unsplice(ph_instance* h, ph_link a, ph_link b) {
  return of(h).unsplice(a, b);
}
void established(ph_instance* h) {
  of(h).established();
}

void fail(ph_instance* h, ph_cause cause, ph_retry retry, const char* text) {
  const bool known = cause >= PH_CONNECT_REFUSED && cause <= PH_INTERNAL;
  of(h).fail(known ? static_cast<Cause>(cause) : Cause::internal,
             retry == PH_RETRY_SLOW ? RetryClass::slow : RetryClass::normal,
             text != nullptr ? escape_control(text) : std::string());
}

int want_peer(ph_instance* h, bool want) {
  of(h).want_peer(want);
  return PH_OK;
}

int link_info(ph_instance* h, ph_link link, ph_link_info* out) {
  if (out == nullptr || out->struct_size < sizeof(std::size_t)) return PH_EINVAL;
  ph_link_info full{};
  const int status = of(h).link_info(link, full);
  if (status != PH_OK) return status;
  const std::size_t size = std::min(out->struct_size, sizeof full);
  full.struct_size = size;
  std::memcpy(out, &full, size);
  return PH_OK;
}

std::uint64_t now_ms(ph_instance* h) {
  const auto now = of(h).session().around().loop.now().time_since_epoch();
  return static_cast<std::uint64_t>(std::chrono::duration_cast<Milliseconds>(now).count());
}

int timer(ph_instance* h, std::uint32_t id, std::int64_t ms) {
  return of(h).timer(id, ms);
}

void log(ph_instance* h, ph_log level, const char* text) {
  if (text == nullptr) return;
  const bool known = level >= PH_LOG_ERROR && level <= PH_LOG_TRACE;
  of(h).session().plugin_log(known ? static_cast<Level>(level) : Level::error, text);
}

void event(ph_instance* h, const char* text) {
  if (text != nullptr) of(h).session().plugin_event(text);
}

void metric(ph_instance* h, std::uint32_t index, const char* label, std::int64_t value) {
  of(h).session().metric(index, label, value);
}

void wake(ph_instance* h) {
  of(h).wake();
}

int buffer(ph_instance* h, ph_link link, std::uint64_t bytes) {
  return of(h).buffer(link, bytes);
}
int user_timeout(ph_instance* h, ph_link link, std::int64_t ms) {
  return of(h).user_timeout(link, ms);
}
std::int64_t setting(ph_instance* h, ph_setting which) {
  return of(h).session().setting(which);
}

void log_repeated(ph_instance* h, ph_log level, std::uint32_t kind, const char* text) {
  if (text == nullptr) return;
  const bool known = level >= PH_LOG_ERROR && level <= PH_LOG_TRACE;
  of(h).session().plugin_log_repeated(known ? static_cast<Level>(level) : Level::error, kind, text);
}

ph_host make_table() {
  ph_host host{};
  host.struct_size = sizeof host;
  host.abi_major = PH_ABI_MAJOR;
  host.abi_minor = PH_ABI_MINOR;
  host.send = send;
  host.send_whole = send_whole;
  host.send_eof = send_eof;
  host.close = close;
  host.read_pause = read_pause;
  host.dial = dial;
  host.splice = splice;
  host.unsplice = unsplice;
  host.established = established;
  host.fail = fail;
  host.want_peer = want_peer;
  host.link_info = link_info;
  host.now_ms = now_ms;
  host.timer = timer;
  host.log = log;
  host.event = event;
  host.metric = metric;
  host.wake = wake;
  host.buffer = buffer;
  host.user_timeout = user_timeout;
  host.setting = setting;
  host.log_repeated = log_repeated;
  fill_option_functions(host);
  return host;
}

}  // namespace

const ph_host& host_table() {
  static const ph_host host = make_table();
  return host;
}

}  // namespace peerhold
