// Reads the configuration's files and sorts what stands in them by section. Called by the loader.
#include "config/sources.hpp"

#include <fcntl.h>
#include <glob.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>

#include "base/fd.hpp"
#include "base/units.hpp"
#include "config/toml.hpp"

namespace peerhold {

namespace {

constexpr off_t largest_file = 64 << 20;

// May somebody read it who is neither root nor the keeper?
bool is_exposed(const struct stat& s) {
  return (s.st_mode & S_IROTH) || ((s.st_mode & S_IRGRP) && s.st_gid != 0 && s.st_gid != getegid());
}

Result<std::string> read_file(const std::string& path, struct stat& about) {
  const std::string what = "cannot read " + path;
  Fd fd(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY));
  if (!fd || fstat(fd.get(), &about) != 0) return error_from_errno(errno, what);
  if (!S_ISREG(about.st_mode)) return Error{what + ": it is not a regular file", 0};
  if (about.st_size > largest_file) return Error{what + ": it is larger than 64 MiB", 0};
  std::string text(static_cast<std::size_t>(about.st_size), '\0');
  std::size_t used = 0;
  while (used < text.size()) {
    const ssize_t n = read(fd.get(), text.data() + used, text.size() - used);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return error_from_errno(errno, what);
    if (n == 0) break;
    used += static_cast<std::size_t>(n);
  }
  text.resize(used);
  return text;
}

// A directory that is not there is a pattern without a match.
int is_trouble(const char*, int why) {
  return why != ENOENT && why != ENOTDIR;
}

class Reader {
 public:
  explicit Reader(std::vector<Diagnostic>& out) : out_(out) {}

  void file(const std::string& path, bool main, const Location& named_at) {
    struct stat about {};
    Result<std::string> text = read_file(path, about);
    if (!text) return complain(named_at, text.error().text);
    if (is_exposed(about)) sources.exposed[path] = about.st_mode & 07777;
    this->text(*text, path, main);
  }

  void text(std::string& content, const std::string& name, bool main) {
    sources.files.push_back(name);
    Value tree = parse_toml(content, name, out_);
    const Value includes = main && tree.find("include") ? *tree.find("include") : Value{};
    for (TableEntry& entry : std::get<Tree>(tree.v)) section(entry, main);
    if (main) include(includes);
  }

  Sources sources;
  std::string directory;  // of the main file, which includes are relative to

 private:
  void complain(const Location& at, std::string text) {
    out_.push_back({Diagnostic::error, at, std::move(text)});
  }

  void section(TableEntry& entry, bool main) {
    static const std::vector<std::string> all = {"include",  "keeper",  "keychain", "defaults",
                                                 "template", "session", "listen"};
    if (std::find(all.begin(), all.end(), entry.key) == all.end()) {
      const std::string near = nearest(entry.key, all);
      meant_.push_back(near);
      return complain(
          entry.at,
          "unknown key \"" + escape_control(entry.key) + '"' +
              (near.empty() ? "; the sections of this file are keeper, keychain, defaults, "
                              "template, session and listen"
                            : "; did you mean \"" + near + "\"?"));
    }
    if (!main && (entry.key == "include" || entry.key == "keeper" || entry.key == "defaults"))
      return complain(entry.at, '"' + entry.key +
                                    "\" cannot stand in an included file; move it to " +
                                    sources.files.front());
    if (entry.key == "include") return;  // read after this file, so that places come in order
    if (entry.key == "keeper") return table(entry, sources.keeper);
    if (entry.key == "defaults") return table(entry, sources.defaults);
    if (entry.key == "keychain") return named(entry, sources.keychains);
    if (entry.key == "template") return named(entry, sources.templates);
    tables(entry, entry.key == "session" ? sources.sessions : sources.listens);
  }

  void table(TableEntry& entry, std::vector<TableEntry>& to) {
    if (!std::holds_alternative<Tree>(entry.value.v))
      return complain(entry.at, '"' + entry.key + "\" must be a table, [" + entry.key + ']');
    to.push_back(std::move(entry));
  }

  void named(TableEntry& entry, std::vector<TableEntry>& to) {
    const std::string wanted = '[' + entry.key + ".NAME]";
    Tree* inner = std::get_if<Tree>(&entry.value.v);
    if (!inner) return complain(entry.at, '"' + entry.key + "\" must hold tables, " + wanted);
    for (TableEntry& one : *inner) {
      const std::string what = entry.key + " \"" + escape_control(one.key) + '"';
      if (!std::holds_alternative<Tree>(one.value.v)) {
        complain(one.at, what + " must be a table, " + wanted);
        continue;
      }
      const auto same =
          std::find_if(to.begin(), to.end(), [&](const TableEntry& e) { return e.key == one.key; });
      if (same != to.end()) {
        complain(one.at, what + " is already defined at " + same->at.file + ':' +
                             std::to_string(same->at.line) + "; give one of them another name");
        continue;
      }
      to.push_back(std::move(one));
    }
  }

  void tables(TableEntry& entry, std::vector<Value>& to) {
    Array* items = std::get_if<Array>(&entry.value.v);
    const bool good = items && std::all_of(items->begin(), items->end(), [](const Value& item) {
                        return std::holds_alternative<Tree>(item.v);
                      });
    // Under [[sesion]], [session.bgp] begins what is no list; the one mistake is told.
    if (!good && std::find(meant_.begin(), meant_.end(), entry.key) != meant_.end()) return;
    if (!good)
      return complain(entry.at, '"' + entry.key + "\" must be a list of tables, [[" + entry.key +
                                    "]] in two brackets");
    for (Value& item : *items) to.push_back(std::move(item));
  }

  void include(const Value& value) {
    if (value.at.line == 0) return;
    const Array* patterns = std::get_if<Array>(&value.v);
    const char* wanted = "include must be a list of file patterns, such as [\"conf.d/*.toml\"]";
    if (!patterns) return complain(value.at, wanted);
    for (const Value& pattern : *patterns) {
      const std::string* text = std::get_if<std::string>(&pattern.v);
      if (!text || text->empty()) {
        complain(pattern.at, wanted);
        continue;
      }
      for (const std::string& path :
           matches(text->front() == '/' ? *text : directory + *text, pattern.at))
        if (std::find(sources.files.begin(), sources.files.end(), path) == sources.files.end())
          file(path, false, pattern.at);
    }
  }

  std::vector<std::string> matches(const std::string& pattern, const Location& at) {
    std::vector<std::string> found;
    glob_t result{};
    const int rc = glob(pattern.c_str(), 0, is_trouble, &result);
    if (rc == 0)
      found.assign(result.gl_pathv, result.gl_pathv + result.gl_pathc);
    else if (rc != GLOB_NOMATCH)
      complain(at,
               "cannot look for " + escape_control(pattern) + ": a directory of it cannot be read");
    globfree(&result);
    std::sort(found.begin(),
              found.end());  // glob sorts by the locale, which is not everywhere the same
    return found;
  }

  std::vector<Diagnostic>& out_;
  std::vector<std::string> meant_;  // sections that others were near to by name
};

}  // namespace

Sources read_sources(const std::string& path, std::vector<Diagnostic>& out) {
  Reader reader(out);
  reader.sources.start = {path, 1, 1};
  reader.directory = directory_of(path);
  reader.file(path, true, reader.sources.start);
  return std::move(reader.sources);
}

Sources read_source_text(std::string text, const std::string& name, std::vector<Diagnostic>& out) {
  Reader reader(out);
  reader.sources.start = {name, 1, 1};
  reader.text(text, name, true);
  return std::move(reader.sources);
}

std::string directory_of(const std::string& file) {
  const auto slash = file.rfind('/');
  return slash == std::string::npos ? std::string() : file.substr(0, slash + 1);
}

}  // namespace peerhold
