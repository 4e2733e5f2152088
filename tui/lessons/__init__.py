"""Lessons: Markdown files with steps and questions, and how far someone has come in them."""

from tui.lessons.lesson import Lesson as Lesson
from tui.lessons.lesson import Option as Option
from tui.lessons.lesson import Step as Step
from tui.lessons.progress import Progress as Progress
from tui.lessons.reader import LessonProblems as LessonProblems
from tui.lessons.reader import read as read
from tui.lessons.shelf import find as find
from tui.lessons.shelf import list_lessons as list_lessons
