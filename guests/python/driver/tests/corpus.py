"""Lines of Python, whole statements and parts of some, from which programs are put together."""

CORPUS = r'''
x=41; print(x+1)
1; x=2
f(); pass
f(); assert 1
f(); del ()
f(); (y): int
f(); y: int
f(); global q
f(); import sys
x = 5; [i*x for i in range(3)]
[i for i in range(3)]; x=1
x and f()
f() or 5
1 if x else 2
1 < x < 3
f();; 3
"a;b"; 'c;d'
"a" "b;" ;
f("; pass")
f(";x");x  #;
lambda: 3; 4
{'a': 1}; {1: 2}
(x := 5)
x = y = 3
x += 1
x[0] = 1
x.a = 1
print(1) ; print(2)
iffy = 1; iffy
format(3)
deltas = 3; deltas
klass = 3; f(); klass
for i in range(3): f(i)
if 1: f(2); 3
while 0: 1
with open('/dev/null') as g: g
try: f()
except E: 1
class A: pass
@f
async def g(): pass
yield 3
return 3
await f()
f'{x!r:>{10}}'
f'{f("a")}'
f"""{
x}"""
x = """
y
"""
"""
y = 1
"""
"""
def y(): pass
"""
f("""
import os
""")
x = [
1,
2]
f(
x
)
f(
x=1)
(f(),
x)
f(3,
4)[0]
x = 1 + \
2
x = \
f(2)
f \
(3)
if x: \
f(4)
'abc\
def f'
"abc\
x = 1"
if 1:
    f(1)
if 1:
    f(1)
else:
    f(2)
for i in range(2):
    f(i)
else: f(3)
while False:
    1
else:
    f(9)
try:
    1/0
except ZeroDivisionError:
    f(5)
finally: f(6)
def g():
    return 1

    # comment
def g(): return 2
g()
@deco
def h(): pass
class B:
    x = 1
class B: x = 2; y = 3
with ctx() as c:
    c
[a
for a in range(3)
if a]
sum(a
for a in range(3)
    if a)
{1:
 2}
x if 0 else 5
x = 1 if 0 else 5
None, \
3
None
True; False
...
__debug__
not x
-x
~3
*x, y = [1, 2]
(x) = 3
x, y = 1, 2
x: int = 3
x: int
(f()).a: int
type T = int
type(3)
match = 3; match
match x:
    case 1: f(1)
    case _: f(2)
from os import path
from os import (path,
sep)
import os
raise ValueError
assert x, "a"
del x
global z
nonlocal z
pass
from __future__ import annotations
x\
=3
(lambda:
3)()
x[1:
2]
f(x)   # trailing; comment
f(x); # trailing
# only a comment
f(1)
# comment after

x ;
	x
 x
print("a\tb");	x
x=1;y=2;x+y
"docstring"
"docstring"; 3
'''.strip("\n").split("\n")
