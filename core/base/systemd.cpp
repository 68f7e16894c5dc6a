// The three functions of libsystemd that peerhold calls, found by name, and $JOURNAL_STREAM. Used
// by base/log, cli/run and cli/service; safe from any thread.
#include "base/systemd.hpp"

#include <dlfcn.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#ifdef PH_HAVE_SYSTEMD
#define SD_JOURNAL_SUPPRESS_LOCATION
#include <systemd/sd-daemon.h>
#include <systemd/sd-journal.h>
#endif

namespace peerhold::systemd {

bool is_journal(int fd) {
  const char* stream = std::getenv("JOURNAL_STREAM");
  unsigned long long device = 0, inode = 0;
  struct stat st {};
  return stream != nullptr && std::sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
         ::fstat(fd, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

#ifdef PH_HAVE_SYSTEMD
namespace {

struct Functions {
  decltype(&sd_notify) notify = nullptr;
  decltype(&sd_watchdog_enabled) watchdog_enabled = nullptr;
  decltype(&sd_journal_sendv) journal_sendv = nullptr;
};

const Functions& functions() {
  static const Functions found = [] {
    Functions f;
    void* library = dlopen("libsystemd.so.0", RTLD_NOW | RTLD_LOCAL);
    if (library == nullptr) return f;
    f.notify = reinterpret_cast<decltype(f.notify)>(dlsym(library, "sd_notify"));
    f.watchdog_enabled =
        reinterpret_cast<decltype(f.watchdog_enabled)>(dlsym(library, "sd_watchdog_enabled"));
    f.journal_sendv =
        reinterpret_cast<decltype(f.journal_sendv)>(dlsym(library, "sd_journal_sendv"));
    return f;
  }();
  return found;
}

}  // namespace

bool notify(const std::string& state) {
  if (std::getenv("NOTIFY_SOCKET") == nullptr) return false;
  const auto call = functions().notify;
  return call != nullptr && call(0, state.c_str()) > 0;
}

bool watchdog(std::uint64_t& microseconds) {
  if (std::getenv("WATCHDOG_USEC") == nullptr) return false;
  const auto call = functions().watchdog_enabled;
  return call != nullptr && call(0, &microseconds) > 0;
}

bool journal(std::vector<std::string>& fields) {
  // Without a journal sd_journal_sendv(3) says that all went well.
  if (::access("/run/systemd/journal/socket", W_OK) != 0) return false;
  const auto call = functions().journal_sendv;
  if (call == nullptr) return false;
  std::vector<iovec> parts;
  parts.reserve(fields.size());
  for (std::string& field : fields) parts.push_back({field.data(), field.size()});
  return call(parts.data(), static_cast<int>(parts.size())) >= 0;
}
#else
bool notify(const std::string&) {
  return false;
}
bool watchdog(std::uint64_t&) {
  return false;
}
bool journal(std::vector<std::string>&) {
  return false;
}
#endif

}  // namespace peerhold::systemd
