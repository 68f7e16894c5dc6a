// KeyChain: owns the loaded keys of one chain and says which one signs (RFC 8177's lifetimes).
// Loaded by the keeper at start and reload and by `check`; read by the rollover and by every
// session.
#include "auth/chain.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "base/fd.hpp"
#include "base/secret_text.hpp"
#include "base/units.hpp"

namespace peerhold {

namespace {

using Readers = SecretPolicy::Readers;

constexpr std::size_t largest_file = 4096;  // far more than 80 bytes in any encoding

std::string in_quotes(std::string_view text) {
  return '"' + escape_control(text) + '"';
}

const char* kind_of(mode_t mode) {
  if (S_ISDIR(mode)) return "a directory";
  if (S_ISFIFO(mode)) return "a fifo";
  if (S_ISSOCK(mode)) return "a socket";
  return "a device";
}

bool is_below(const std::string& path, const std::string& directory) {
  if (directory.empty()) return false;
  const auto dir = std::filesystem::path(directory + "/").lexically_normal();
  const auto file = std::filesystem::path(path).lexically_normal();
  return std::mismatch(dir.begin(), --dir.end(), file.begin(), file.end()).first == --dir.end();
}

// Who else can read it, with the remedy; nothing when nobody can.
std::optional<Error> readable_by_others(const std::string& what, const std::string& path,
                                        const struct stat& st, Readers readers) {
  const bool others = readers != Readers::all && (st.st_mode & S_IROTH) != 0;
  const bool group = readers == Readers::own_group && (st.st_mode & S_IRGRP) != 0 &&
                     st.st_gid != 0 && st.st_gid != ::getegid();
  if (!others && !group) return std::nullopt;
  char mode[8];
  std::snprintf(mode, sizeof mode, "%04o", static_cast<unsigned>(st.st_mode & 07777));
  std::string text = what + " has mode " + mode;
  if (group)
    text += " and group " + std::to_string(st.st_gid) +
            ", which is neither root's nor the keeper's own: " +
            (others ? "that group and all others" : "that group") + " can read the secret";
  else
    text += ": others can read the secret";
  text += std::string("; do: chmod ") +
          (group && others ? "go"
           : group         ? "g"
                           : "o") +
          "-rwx " + escape_control(path);
  if (group) text += ", or give it the keeper's group";
  // `sudo peerhold check` must not talk an operator into taking the file away from the keeper.
  if (group && !others && ::geteuid() == 0)
    text +=
        "; root asks here: where the keeper runs as a user of that group all is well, ask as that "
        "user (sudo -u peerhold peerhold check)";
  return Error{std::move(text)};
}

// Opened once, so that what was checked is what is read.
Result<SecretText> read_secret(const std::string& what, const std::string& path, Readers readers) {
  // O_NONBLOCK: a fifo must not hold us before it can be refused.
  const Fd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
  if (!fd) return error_from_errno(errno, "cannot open " + what, Cause::resource);
  struct stat st {};
  if (::fstat(fd.get(), &st) != 0)
    return error_from_errno(errno, "cannot look at " + what, Cause::resource);
  if (!S_ISREG(st.st_mode))
    return Error{what + " is " + kind_of(st.st_mode) +
                 "; a secret is read from a regular file only"};
  if (auto error = readable_by_others(what, path, st, readers)) return std::move(*error);

  std::array<unsigned char, largest_file + 1> buffer;
  std::size_t size = 0;
  int failed = 0;
  while (size < buffer.size()) {
    const ssize_t n = ::read(fd.get(), buffer.data() + size, buffer.size() - size);
    if (n == 0) break;
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      failed = errno;
      break;
    }
    size += static_cast<std::size_t>(n);
  }
  Result<SecretText> result = Error{};
  if (failed != 0)
    result = error_from_errno(failed, "cannot read " + what, Cause::resource);
  else if (size > largest_file)
    result = Error{
        what + " is larger than 4096 bytes; it holds one key of 1 to 80 bytes and nothing else"};
  else if (result = parse_secret(std::span(buffer).first(size)); !result)
    result.error().text = what + ": " + result.error().text;
  wipe(buffer.data(), buffer.size());
  return result;
}

Result<SecretText> read_credential(const std::string& name, const SecretPolicy& policy) {
  const std::string what = "credential " + in_quotes(name);
  if (name.empty() || name == "." || name == ".." || name.find('/') != std::string::npos)
    return Error{what + ": the name of a credential is a file name without a slash"};
  if (policy.credentials_directory.empty())
    return Error{
        what +
            ": $CREDENTIALS_DIRECTORY is not set, so no credentials were given to this process; "
            "start it by a systemd unit with LoadCredential=, or use secret_file",
        EACCES, Cause::resource};
  auto result = read_secret(what, policy.credentials_directory + '/' + name, Readers::all);
  if (!result && result.error().code == ENOENT)
    result.error().text += "; does the unit have LoadCredential= or SetCredential= for it?";
  return result;
}

}  // namespace

struct ChainLoader {
  const KeyChainConfig& config;
  const SecretPolicy& policy;
  std::vector<Diagnostic>& out;
  std::size_t skipped = 0;
  bool failed = false;
  KeyChain chain;

  void load(WallTime now) {
    chain.name_ = config.name;
    chain.rollover_ = config.rollover;
    chain.tolerance_ = config.accept_tolerance;
    for (const KeyConfig& key : config.keys) add(key);
    failed = failed || config.keys.empty();  // told where the file was read
    if (!chain.keys_.empty() && !failed && skipped == 0) warn_if_none_is_valid(now);
  }

  std::string here() const { return "keychain " + in_quotes(config.name) + ": "; }

  void error(const Location& at, std::string text) {
    out.push_back({Diagnostic::error, at, here() + std::move(text)});
    failed = true;
  }

  void warn(const Location& at, std::string text) {
    out.push_back({Diagnostic::warning, at, here() + std::move(text)});
  }

  void add(const KeyConfig& key) {
    const SecretRef& ref = key.secret;
    const Location& at = ref.at.line != 0 ? ref.at : key.at;
    const std::string label = "key " + std::to_string(key.id) + ": ";
    Secret secret;
    if (ref.kind == SecretRef::Kind::inline_text) {
      if (ref.inline_secret == nullptr) {  // told, too
        failed = true;
        return;
      }
      secret = ref.inline_secret->clone();
    } else {
      const bool file = ref.kind == SecretRef::Kind::file;
      const bool given = is_below(ref.name, policy.credentials_directory);
      auto read = file ? read_secret("secret file " + in_quotes(ref.name), ref.name,
                                     given ? Readers::all : policy.readers)
                       : read_credential(ref.name, policy);
      if (!read) {
        // Not being the keeper is forgiven, and that its keys are not made yet; a file that is open
        // to the world is wrong whoever asks.
        const int code = read.error().code;
        if (policy.skip_unreadable && (code == EACCES || code == EPERM || code == ENOENT))
          ++skipped;
        else
          error(at, label + read.error().text +
                        (file && code == ENOENT
                             ? "; make one: peerhold key generate " + escape_control(ref.name)
                             : ""));
        return;
      }
      if (!read->warning.empty())
        warn(at, label + (file ? "secret file " : "credential ") + in_quotes(ref.name) + ": " +
                     read->warning);
      secret = std::move(read->secret);
    }
    for (const ChainKey& other : chain.keys_)
      if (other.key.secret.same(secret))
        error(at, "keys " + std::to_string(other.key.id) + " and " + std::to_string(key.id) +
                      " have the same secret; a move between them would change nothing, give each "
                      "its own");
    chain.keys_.push_back({Key{key.id, Algorithm::tcp_md5, std::move(secret)}, key.start, key.end});
  }

  void warn_if_none_is_valid(WallTime now) {
    if (chain.any_valid(now)) return;
    const Key& key = chain.in_use(now);
    const auto used = std::find_if(chain.keys_.begin(), chain.keys_.end(),
                                   [&](const ChainKey& k) { return &k.key == &key; });
    std::string text = "no key is valid now (" + format_time(now) + "); key " +
                       std::to_string(key.id) + ", which ";
    if (used->end && WallTime(*used->end) <= now)
      text += "ended at " + format_time(*used->end);
    else
      text += "starts at " + format_time(*used->start);
    warn(config.at, text + ", stays in use; give a key a lifetime that covers today");
  }
};

bool ChainKey::valid_at(WallTime now) const {
  return (!start || WallTime(*start) <= now) && (!end || now < WallTime(*end));
}

const Key& KeyChain::in_use(WallTime now) const {
  PH_REQUIRE(!keys_.empty());
  if (rollover_ == Rollover::manual) return keys_.front().key;
  // A key without start is older than any with one, which is also how std::optional compares.
  const ChainKey* valid = nullptr;
  const ChainKey* ended = nullptr;  // the last one to end
  const ChainKey* first = &keys_.front();
  for (const ChainKey& key : keys_) {
    if (key.valid_at(now) && (valid == nullptr || key.start >= valid->start)) valid = &key;
    if (key.end && WallTime(*key.end) <= now && (ended == nullptr || *key.end >= *ended->end))
      ended = &key;
    if (key.start < first->start) first = &key;
  }
  return (valid != nullptr ? valid : ended != nullptr ? ended : first)->key;
}

const Key* KeyChain::find(std::uint32_t id) const {
  const auto found = std::ranges::find(keys_, id, [](const ChainKey& key) { return key.key.id; });
  return found == keys_.end() ? nullptr : &found->key;
}

bool KeyChain::acceptable(std::uint32_t id, WallTime now) const {
  return std::ranges::any_of(keys_, [&](const ChainKey& key) {
    return key.key.id == id && (!key.start || WallTime(*key.start) - tolerance_ <= now) &&
           (!key.end || now < WallTime(*key.end) + tolerance_);
  });
}

bool KeyChain::any_valid(WallTime now) const {
  return std::any_of(keys_.begin(), keys_.end(),
                     [&](const ChainKey& key) { return key.valid_at(now); });
}

std::optional<WallTime> KeyChain::valid_until(WallTime now) const {
  std::optional<WallTime> until;
  for (WallTime at = now;; at = *until) {
    std::optional<WallTime> longest;
    for (const ChainKey& key : keys_) {
      if (!key.valid_at(at)) continue;
      if (!key.end) return std::nullopt;
      longest = std::max(longest, std::optional<WallTime>(*key.end));
    }
    if (!longest) return until;
    until = longest;
  }
}

bool KeyChain::same(const KeyChain& other) const {
  return rollover_ == other.rollover_ && tolerance_ == other.tolerance_ &&
         std::equal(keys_.begin(), keys_.end(), other.keys_.begin(), other.keys_.end(),
                    [](const ChainKey& a, const ChainKey& b) {
                      return a.key.id == b.key.id && a.key.algorithm == b.key.algorithm &&
                             a.start == b.start && a.end == b.end &&
                             a.key.secret.same(b.key.secret);
                    });
}

std::optional<KeyChain> load_chain(const KeyChainConfig& config, const SecretPolicy& policy,
                                   WallTime now, std::vector<Diagnostic>& out,
                                   std::size_t* skipped) {
  ChainLoader loader{config, policy, out};
  loader.load(now);
  if (skipped != nullptr) *skipped += loader.skipped;
  if (loader.failed || loader.skipped > 0) return std::nullopt;
  return std::move(loader.chain);
}

}  // namespace peerhold
