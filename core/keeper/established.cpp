// EstablishedFiles: owned by the Keeper; sessions come to it through Surroundings.
#include "keeper/established.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <ctime>

#include "base/fd.hpp"

namespace peerhold {
namespace {

constexpr std::size_t longest_name = 200;  // NAME_MAX is 255

std::int64_t ms_of(const timespec& t) {
  return static_cast<std::int64_t>(t.tv_sec) * 1000 + t.tv_nsec / 1'000'000;
}

std::int64_t ms_of(clockid_t clock) {
  timespec t{};
  clock_gettime(clock, &t);
  return ms_of(t);
}

// A session's name, or that of a dynamic peer's with its address.
bool is_safe(const std::string& name) {
  return !name.empty() && name.size() <= longest_name &&
         std::isalnum(static_cast<unsigned char>(name.front())) != 0 &&
         std::ranges::all_of(name, [](unsigned char c) {
           return std::isalnum(c) != 0 ||
                  std::string_view("._-@:%").find(static_cast<char>(c)) != std::string_view::npos;
         });
}

}  // namespace

EstablishedFiles::EstablishedFiles(std::string runtime_dir, Log& log)
    : dir_(std::move(runtime_dir) + "/established"), log_(log) {}

std::string EstablishedFiles::path_of(const std::string& session) const {
  return is_safe(session) ? dir_ + "/" + session : std::string();
}

void EstablishedFiles::mark(const std::string& session) {
  const std::string path = path_of(session);
  // Nearly always it is there, from the last time.
  if (path.empty() || ::utimensat(AT_FDCWD, path.c_str(), nullptr, AT_SYMLINK_NOFOLLOW) == 0)
    return;
  const int flags = O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK;
  Fd fd(::open(path.c_str(), flags, 0644));
  if (!fd && errno == ENOENT && ::mkdir(dir_.c_str(), 0755) == 0) {
    fd.reset(::open(path.c_str(), flags, 0644));
  }
  if (fd && ::futimens(fd.get(), nullptr) == 0) return;
  const int error = errno;
  if (std::exchange(told_, true) || !log_.enabled(Level::debug, log_.level())) return;
  log_.line(
      Level::debug, "established-file", {{"session", session}},
      error_from_errno(error, path + " cannot be written: a keeper that follows this one will "
                                     "not know when the session was last established")
          .text);
}

void EstablishedFiles::forget(const std::string& session) {
  if (const std::string path = path_of(session); !path.empty()) ::unlink(path.c_str());
}

std::optional<Milliseconds> EstablishedFiles::ago(const std::string& session) const {
  const std::string path = path_of(session);
  struct stat st {};
  if (path.empty() || ::lstat(path.c_str(), &st) != 0 || !S_ISREG(st.st_mode)) return std::nullopt;
  const std::int64_t now = ms_of(CLOCK_REALTIME), at = ms_of(st.st_mtim);
  // The runtime directory need not be a tmpfs. A time to come: the clock was set meanwhile.
  const std::int64_t boot = now - ms_of(CLOCK_BOOTTIME);
  if (at < boot || at > now + 1000) return std::nullopt;
  return Milliseconds(std::max<std::int64_t>(0, now - at));
}

}  // namespace peerhold
