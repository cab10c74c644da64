"""What carries out: studies on models into run folders, grades of what they hold, reports of them.

The layer between the packages that know one thing each and whoever asks for all of them: the command line, the demo,
programs and notebooks (docs/python.md). It prints nothing and reads no arguments.

* `running.run` runs studies on models (`order` is what is asked for, `ready` what is loaded and planned, `notes` what
  the folder says of it);
* `grading.grade` has a judge grade what a folder holds; `judging` where the judge is a chat model;
* `reporting.write_report` makes a page of any number of folders; `completeness` says what is missing in them.
"""
