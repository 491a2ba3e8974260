/* SPDX-License-Identifier: MIT
 * Programs of npm packages that are scripts which start an executable from another package, one for
 * each platform, among their optional dependencies (docs.npmjs.com, package.json: "os", "cpu").
 */
#ifndef TP_PACKAGES_H
#define TP_PACKAGES_H

/* `script`: a path, which may be a symbolic link, of a script in a package that npm installed. Each
 * large file that may be executed in packages for this platform which its package names. Reads
 * directories and the package's own description, in which it only looks for names. */
void tp_packages_of_script(const char *script, void (*each)(void *cx, const char *path), void *cx);

#endif
